# containerd, kubelet, kube-proxy; and `up`, which puts all parts in order.

start_containerd() {
  start containerd containerd --config /run/svidecar/etc/containerd.toml
  wait_for containerd 20 inside ctr version
}

start_node() {
  start kubelet "$programs/kubelet" "$(as kubelet)" --config /run/svidecar/etc/kubelet.yaml \
    --hostname-override "$node" --node-ip "$node_address" --cgroup-root "/$cgroup"
  start kube-proxy "$programs/kube-proxy" --config /run/svidecar/etc/kube-proxy.yaml
}

up() {
  if ! machine_runs; then
    doing 'machine and certificates'
    down
    start_machine
    make_certificates
    say 'machine and certificates'
  fi
  doing 'containerd and its images'
  start_etcd
  start_api_server
  start_containerd
  load_own_images
  say 'containerd and its images'
  doing 'API server'
  wait_for 'the API server' 90 kubectl get --raw /readyz
  say 'API server'
  doing 'node Ready'
  start_controllers
  start_node
  wait_for 'the node' 90 kubectl wait --for condition=Ready "node/$node" --timeout 1s
  say 'node Ready'
  doing DNS
  kubectl apply --filename "$parts/coredns.yaml" >/dev/null
  wait_for 'the default service account' 30 kubectl get serviceaccount default
  wait_for DNS 90 kubectl --namespace kube-system rollout status deployment/coredns --timeout 1s
  say "DNS; cluster $name is up: scripts/cluster --name $name kubectl get pods --all-namespaces"
}
