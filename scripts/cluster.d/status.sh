# The truth about each part: the process that was started, or for the node what the API server says.

status() {
  local part pid all=0
  require_root
  if ! machine_runs; then echo "cluster $name does not run"; return 1; fi
  for part in machine etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy; do
    if pid=$(recorded "$state/pid/$part"); then echo "runs     $part (process $pid)"; else
      echo "stopped  $part (scripts/cluster logs $part; scripts/cluster up starts it)"
      all=1
    fi
  done
  if kubectl wait --for condition=Ready "node/$node" --timeout 1s >/dev/null 2>&1; then echo "ready    node $node"; else
    echo "not ready  node $node"
    all=1
  fi
  return "$all"
}
