# What the scene needs from the machine: each missing thing by name, with how to get it.

require_root() {
  [ "$(id -u)" = 0 ] && return
  echo 'scripts/sds: needs root: each Envoy runs as a user of its own, by which SPIRE knows it; run it as root' >&2
  exit 3
}

require_running() {
  require_root
  [ -f "$mark" ] || fail "there is no scene in $folder: scripts/sds up"
}

missing() { # WHAT HOW
  echo "missing $1: $2" >&2
  lacks=1
}

require_programs() {
  local lacks=0 program
  require_root
  for program in spire-server:spire-server spire-agent:spire-agent envoy:envoy; do
    command -v "${program%:*}" >/dev/null || missing "${program%:*}" "scripts/components ${program#*:}, or put it on PATH"
  done
  for program in openssl:openssl curl:curl setpriv:util-linux setsid:util-linux flock:util-linux getent:libc-bin; do
    command -v "${program%:*}" >/dev/null || missing "${program%:*}" "apt-get install ${program#*:}"
  done
  [ "$lacks" = 0 ] || exit 3
  bash "$scripts/setup"
}

# Before anything is started.
require_place() {
  local name port uid
  local -A taken=()
  if [ -e "$folder" ] && [ ! -f "$mark" ] && [ -n "$(ls -A "$folder")" ]; then
    fail "$folder is not empty and no scene of ours: choose another folder with SVIDECAR_SDS_FOLDER"
  fi
  for ((uid = setting[UID]; uid < setting[UID] + 30; uid++)); do
    ! getent passwd "$uid" >/dev/null || fail "the user id $uid belongs to somebody: choose 30 others with SVIDECAR_SDS_UID"
  done
  for name in HTTP_PORT HTTPS_PORT PURPLE_PORT GRAY_PORT SPIRE_PORT; do
    port=${setting[$name]}
    if [ "$port" -lt 1024 ] || [ "$port" -gt 65535 ]; then
      fail "SVIDECAR_SDS_$name is a port from 1024 to 65535, not $port: nothing here runs as root"
    fi
    [ -z "${taken[$port]:-}" ] || fail "SVIDECAR_SDS_$name and SVIDECAR_SDS_${taken[$port]} are both $port"
    taken[$port]=$name
  done
}

# require_port NAME: nobody listens there
require_port() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/${setting[$1]}") 2>/dev/null ||
    fail "port ${setting[$1]} of 127.0.0.1 is taken: choose another with SVIDECAR_SDS_$1"
}
