# Leaves nothing: processes, mounts and network end with the machine, then cgroups and files go.

down() {
  if machine_runs; then
    # The process around ends after every process inside has.
    kill -KILL "$(machine)"
    wait_for 'the end of the machine' 30 machine_is_gone
  fi
  # The kernel takes a moment to empty the cgroups of killed processes.
  wait_for 'the removal of cgroups' 30 remove_cgroups
  rm -rf "$state"
}

machine_is_gone() { ! machine_runs; }
