# What the cluster needs from the machine: each missing thing by name, with how to get it.

require_root() {
  [ "$(id -u)" = 0 ] || { echo "scripts/cluster: needs root, for namespaces and cgroups: run it as root" >&2; exit 3; }
}

require_running() {
  require_root
  machine_runs || fail "cluster $name does not run: scripts/cluster --name $name up"
}

missing() { # WHAT HOW
  echo "missing $1: $2" >&2
  lacks=1
}

require_programs() {
  local lacks=0 program
  require_root
  for program in etcd:etcd kube-apiserver:kubernetes kubelet:kubernetes coredns:coredns; do
    [ -x "$programs/${program%:*}" ] || missing "${program%:*}" "scripts/components ${program#*:}"
  done
  for program in containerd:containerd ctr:containerd runc:runc nft:nftables ip:iproute2 conntrack:conntrack openssl:openssl \
    busybox:busybox-static \
    nsenter:util-linux unshare:util-linux setpriv:util-linux /usr/lib/cni/ptp:containernetworking-plugins; do
    command -v "${program%:*}" >/dev/null || missing "${program%:*}" "scripts/components, or apt-get install ${program#*:}"
  done
  require_kernel
  [ "$lacks" = 0 ] || exit 3
}

require_kernel() {
  local where
  case "$clusters/" in
    /run/* | /var/*) missing 'a folder for the cluster' "$clusters is covered inside the cluster; set SVIDECAR_CLUSTERS to a folder outside /run and /var" ;;
  esac
  where=$(existing_parent "$clusters")
  case "$(stat --file-system --format %T "$where")" in
    overlayfs | aufs) missing 'a disk for images' "$where lies on a file system of layers, which can't carry another one; set SVIDECAR_CLUSTERS to a folder on a disk or a volume" ;;
  esac
  unshare --net --mount --pid --fork true 2>/dev/null || missing 'namespaces' "this machine does not let root make them; a container needs --privileged"
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    for where in cpu memory pids; do
      grep -qw "$where" /sys/fs/cgroup/cgroup.controllers || missing "cgroup controller $where" "the kernel or the container around this shell does not give it"
    done
  else
    for where in cpu cpuacct cpuset memory pids; do
      [ -w "/sys/fs/cgroup/$where/cgroup.procs" ] || missing "cgroup controller $where" "mount it writable at /sys/fs/cgroup/$where"
    done
  fi
}

existing_parent() { # PATH
  local path=$1
  until [ -d "$path" ]; do path=$(dirname "$path"); done
  echo "$path"
}
