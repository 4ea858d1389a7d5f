# shellcheck shell=bash
# Sourced: what takes long says so on one line of standard error, written over each second; on terminals only, and not in CI.
progress_pid=

doing() { # TEXT
  done_doing
  if ! [ -t 2 ] || [ -n "${CI:-}" ] || [ "${TERM:-dumb}" = dumb ]; then return 0; fi
  # Locks of the caller are not its own, and it ends with the caller, however that ends.
  (
    sleep 0.5
    for ((second = 0; ; second++)); do
      kill -0 $$ 2>/dev/null || exit 0
      printf '\r%s … %d s\033[K' "$1" "$second" >&2
      sleep 1
    done
  ) 9>&- </dev/null >/dev/null &
  progress_pid=$!
}

# Before anything else is printed.
done_doing() {
  [ -n "$progress_pid" ] || return 0
  kill "$progress_pid" 2>/dev/null || true
  wait "$progress_pid" 2>/dev/null || true
  progress_pid=
  printf '\r\033[K' >&2
}
