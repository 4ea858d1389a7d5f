# The parts of the cluster as processes of this machine.

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
