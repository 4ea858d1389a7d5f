# etcd, API server, controller manager, scheduler; and kubectl.
pki=/run/svidecar/pki

kubectl() { nsenter --target "$(machine)" --net -- "$programs/kubectl" --kubeconfig "$kubeconfig" "$@"; }
kubectl_for_people() { exec nsenter --target "$(machine)" --net -- "$programs/kubectl" --kubeconfig "$kubeconfig" "$@"; }

start_etcd() {
  # The data lives as long as the cluster: nothing is lost by not waiting for the disk.
  start etcd "$programs/etcd" --data-dir /run/svidecar/etcd --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380
}

start_api_server() {
  start kube-apiserver "$programs/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
    --secure-port 6443 --bind-address 0.0.0.0 --advertise-address "$node_address" --service-cluster-ip-range "$service_range" \
    --client-ca-file $pki/ca.crt --tls-cert-file $pki/kube-apiserver.crt --tls-private-key-file $pki/kube-apiserver.key \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --kubelet-certificate-authority $pki/ca.crt --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate $pki/kube-apiserver-kubelet-client.crt \
    --kubelet-client-key $pki/kube-apiserver-kubelet-client.key \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-signing-key-file $pki/service-accounts.key --service-account-key-file $pki/service-accounts.pub
}

start_controllers() {
  start kube-controller-manager "$programs/kube-controller-manager" "$(as kube-controller-manager)" \
    --leader-elect=false --bind-address 127.0.0.1 --use-service-account-credentials \
    --service-account-private-key-file $pki/service-accounts.key --root-ca-file $pki/ca.crt \
    --cluster-signing-cert-file $pki/ca.crt --cluster-signing-key-file $pki/ca.key
  start kube-scheduler "$programs/kube-scheduler" "$(as kube-scheduler)" --leader-elect=false --bind-address 127.0.0.1
}

as() { echo "--kubeconfig=$pki/$1.kubeconfig"; }
