# One authority for the cluster, keys that never leave its folder, and who is who by their certificates' subjects.

# certificate NAME SUBJECT [SUBJECT_ALTERNATIVE_NAMES]
certificate() {
  local extensions=$'keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,serverAuth\n'
  [ -z "${3:-}" ] || extensions+="subjectAltName=$3"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -subj "$2" 2>/dev/null \
    | openssl x509 -req -CA ca.crt -CAkey ca.key -days 365 -extfile <(echo "$extensions") -out "$1.crt" 2>/dev/null
}

# kubeconfig_of NAME: everything in one file, so that it can be used on either side of the machine
kubeconfig_of() {
  cat <<TEXT
apiVersion: v1
kind: Config
current-context: svidecar
contexts: [{name: svidecar, context: {cluster: svidecar, user: $1}}]
clusters:
  - name: svidecar
    cluster:
      server: https://127.0.0.1:6443
      certificate-authority-data: $(base64 --wrap 0 ca.crt)
users:
  - name: $1
    user:
      client-certificate-data: $(base64 --wrap 0 "$1.crt")
      client-key-data: $(base64 --wrap 0 "$1.key")
TEXT
}

make_certificates() (
  cd "$state/pki" || return
  umask 077
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -days 365 \
    -subj "/CN=svidecar-$name" -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
  certificate kube-apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes,\
DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$api_service_address,IP:$node_address"
  certificate kube-apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  # Its serving certificate too: with the node's address in it, SPIRE's agent verifies the kubelet.
  certificate kubelet-serving "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:$node_address,IP:127.0.0.1"
  certificate kubelet "/O=system:nodes/CN=system:node:$node"
  certificate kube-controller-manager /CN=system:kube-controller-manager
  certificate kube-scheduler /CN=system:kube-scheduler
  certificate kube-proxy /CN=system:kube-proxy
  certificate administrator /O=system:masters/CN=administrator
  openssl genpkey -quiet -algorithm RSA -out service-accounts.key
  openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
  for user in kubelet kube-controller-manager kube-scheduler kube-proxy; do kubeconfig_of "$user" >"$user.kubeconfig"; done
  kubeconfig_of administrator >"$kubeconfig"
)
