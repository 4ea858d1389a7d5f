# Where things are. Inside the machine the same folder is always /run/svidecar, so that configuration files are constant.
clusters=${SVIDECAR_CLUSTERS:-${XDG_STATE_HOME:-$HOME/.local/state}/svidecar/clusters}
state=$clusters/$name
log=$state/log
programs=${SVIDECAR_COMPONENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/svidecar/components}/bin
kubeconfig=$state/kubeconfig
cgroup=svidecar-$name

# In a network of its own nothing collides, so all clusters have the same addresses. The files in etc/ repeat some of them.
node=svidecar
node_address=10.245.0.1
service_range=10.96.0.0/16
api_service_address=10.96.0.1

began=$(date +%s%N)
say() { done_doing; printf '%5.1f s  %s\n' "$((($(date +%s%N) - began) / 100000000))e-1" "$*"; }
fail() { done_doing; echo "scripts/cluster: $*" >&2; exit 1; }

# Up and down of one cluster wait for each other. What they start does not inherit the lock (9>&-).
with_lock() { # FUNCTION
  local lock=$clusters/.lock-$name
  mkdir -p "$clusters"
  # Down removes the file: who waited for that one takes the next.
  until exec 9>"$lock" && flock 9 && [ "$lock" -ef /proc/self/fd/9 ]; do :; done
  "$1"
}

# wait_for WHAT SECONDS COMMAND…: until the command succeeds
wait_for() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "timed out waiting for $what; see the logs in $log (scripts/cluster logs PART)"
    sleep 0.2
  done
}
