# Processes are known by the process id that was written when they started, and by when that was: ids are used again.

# remember PID FILE
remember() { echo "$1 $(started_at "$1")" >"$2"; }

# The 22nd field: clock ticks since the machine started. The names of our processes hold no blanks.
started_at() { awk '{ print $22 }' "/proc/$1/stat" 2>/dev/null; }

# recorded FILE: prints the process id, if that process still runs
recorded() {
  local pid start
  read -r pid start 2>/dev/null <"$1" || return 1
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] || return 1
  echo "$pid"
}

# start PART COMMAND…: runs a part of the cluster inside its machine, unless it runs already. Outside, the recorded process waits
# for it; setpriv sees to it that neither outlives the other.
start() {
  local part=$1
  shift
  ! recorded "$state/pid/$part" >/dev/null || return 0
  setsid nsenter --target "$(machine)" "${machine_namespaces[@]}" -- \
    setpriv --pdeathsig KILL -- "$@" >>"$log/$part.log" 2>&1 </dev/null 9>&- &
  remember $! "$state/pid/$part"
}
