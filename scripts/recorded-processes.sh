# shellcheck shell=bash
# Processes are known by the process id that was written when they started, and by when that was: ids are used again.

# remember PID FILE
remember() { echo "$1 $(started_at "$1")" >"$2"; }

# The 22nd field: clock ticks since the machine started. The names of our processes hold no blanks. One that has ended and only waits
# for its parent to notice counts as gone.
started_at() { awk '$3 != "Z" { print $22 }' "/proc/$1/stat" 2>/dev/null; }

# recorded FILE: prints the process id, if that process still runs
recorded() {
  local pid start
  read -r pid start 2>/dev/null <"$1" || return 1
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] || return 1
  echo "$pid"
}
