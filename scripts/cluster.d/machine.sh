# The machine: network, mount, process, host-name and IPC namespaces, held by one process. When it is killed, the kernel ends
# every process in there, and with the last one mounts and network are gone too.
machine_namespaces=(--mount --net --pid --uts --ipc)

# The recorded process only waits. The first one inside is its child.
machine_runs() { recorded "$state/pid/machine" >/dev/null; }
machine() {
  local around inner
  around=$(recorded "$state/pid/machine") && inner=$(cat "/proc/$around/task/$around/children") && echo "${inner% }"
}

# inside COMMAND…: with the machine's files, network and processes
inside() { nsenter --target "$(machine)" "${machine_namespaces[@]}" -- "$@"; }

# run_in_network COMMAND…: this machine's files and processes, the cluster's network, names and KUBECONFIG. It replaces this
# shell, so that a signal to it reaches the command.
run_in_network() {
  export KUBECONFIG="$kubeconfig"
  local resolve="mount --bind '$state/etc/resolv.conf' /etc/resolv.conf && exec \"\$@\""
  exec nsenter --target "$(machine)" --net -- unshare --mount --propagation private -- sh -c "$resolve" sh "$@"
}

start_machine() {
  mkdir -p "$state"/{pid,log,etc,pki,kubelet,containerd,var,var-work}
  cp "$parts"/etc/* "$state/etc/"
  make_cgroups
  setsid unshare "${machine_namespaces[@]}" --fork --kill-child --mount-proc --propagation private \
    bash "$parts/machine-inside" "$state" "$node" >>"$log/machine.log" 2>&1 </dev/null 9>&- &
  remember $! "$state/pid/machine"
  wait_for 'the machine' 10 test -f "$state/etc/machine-is-ready"
}

cgroup_roots() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup; else
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
  fi
}

# One cgroup in each hierarchy, below which the kubelet makes those of pods. On a node theirs has the weight of all cores; here
# it stands below ours, so ours has it.
make_cgroups() {
  local root controllers shares
  for root in $(cgroup_roots); do
    mkdir -p "$root/$cgroup"
    shares=$root/$cgroup/cpu.shares
    [ ! -f "$shares" ] || echo $((1024 * $(nproc))) >"$shares"
  done
  [ -f /sys/fs/cgroup/cgroup.controllers ] || return 0
  controllers=$(sed -E 's/(\S+)/+\1/g' /sys/fs/cgroup/cgroup.controllers)
  for root in /sys/fs/cgroup "/sys/fs/cgroup/$cgroup"; do echo "$controllers" >"$root/cgroup.subtree_control"; done
}

remove_cgroups() {
  local root
  for root in $(cgroup_roots); do
    [ ! -d "$root/$cgroup" ] || find "$root/$cgroup" -depth -type d -exec rmdir {} +
  done
}
