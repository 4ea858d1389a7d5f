# shellcheck disable=SC2034 # what is set here the other parts read
# Where things are, and what a person chose. A scene that was started keeps its settings, for the commands that follow.
default_folder=/var/lib/svidecar/sds
folder=${SVIDECAR_SDS_FOLDER:-$default_folder}
log=$folder/log
# That the folder is a scene's: nothing else is ever removed.
mark=$folder/.svidecar-sds
templates=$scripts/../manifests/sds
components=${SVIDECAR_COMPONENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/svidecar/components}/bin
PATH=$components:$PATH

has_new_life=0
machines=(front-envoy service-purple service-gray)
setting_names=(HTTP_PORT HTTPS_PORT PURPLE_PORT GRAY_PORT SPIRE_PORT HELPER_PORT UID SVID_LIFE CONNECTION_LIFE)
declare -A setting=(
  [HTTP_PORT]=8080 [HTTPS_PORT]=8443 [PURPLE_PORT]=8444 [GRAY_PORT]=8445 [SPIRE_PORT]=8081 [HELPER_PORT]=9011
  [UID]=70000 [SVID_LIFE]=300 [CONNECTION_LIFE]=30
)

fail() { echo "scripts/sds: $*" >&2; exit 1; }

case "$folder" in
  /*) ;;
  *) wrong "SVIDECAR_SDS_FOLDER is an absolute path, not '$folder'" ;;
esac
# What a socket's path may hold is 107 bytes; the longest of ours ends in /service-purple/envoy/admin.sock.
[ ${#folder} -le 70 ] || wrong "SVIDECAR_SDS_FOLDER has at most 70 characters: sockets lie in it"
[[ $folder =~ ^[A-Za-z0-9/._-]+$ ]] || wrong "SVIDECAR_SDS_FOLDER has only letters, digits and / . _ -, not '$folder'"

read_settings() {
  local name value chosen
  declare -A kept=()
  if [ -f "$mark" ]; then
    while IFS='=' read -r name value; do kept[$name]=$value; done <"$mark"
  fi
  for name in "${setting_names[@]}"; do
    chosen=SVIDECAR_SDS_$name
    value=${!chosen:-${kept[$name]:-${setting[$name]}}}
    [[ $value =~ ^[1-9][0-9]{0,8}$ ]] || wrong "$chosen is a whole number, not '$value'"
    # An entry can get another life at any time.
    if [ "$name" = SVID_LIFE ]; then
      [ "${kept[$name]:-$value}" = "$value" ] || has_new_life=1
    elif [ "${kept[$name]:-$value}" != "$value" ]; then
      fail "the scene in $folder was started with $chosen=${kept[$name]}, not $value: scripts/sds down, then up"
    fi
    setting[$name]=$value
  done
}
read_settings

# Which user is who. The machines have the numbers 1, 2, 3: agent, Envoy and app of one never share a user.
number_of() { local i; for i in 0 1 2; do [ "${machines[i]}" != "$1" ] || echo $((i + 1)); done; }
server_uid() { echo "${setting[UID]}"; }
agent_uid() { echo $((setting[UID] + $(number_of "$1"))); }
envoy_uid() { echo $((setting[UID] + 10 + $(number_of "$1"))); }
app_uid() { echo $((setting[UID] + 20 + $(number_of "$1"))); }

is_machine() { [ -n "$(number_of "$1")" ] || wrong "there is no $1: ${machines[*]}"; }

# Up and down wait for each other. What they start does not inherit the lock (9>&-).
with_lock() { # FUNCTION ARG…
  local lock=${folder%/}.lock
  mkdir -p "$(dirname "$folder")"
  # Down removes the file: who waited for that one takes the next.
  until exec 9>"$lock" && flock 9 && [ "$lock" -ef /proc/self/fd/9 ]; do :; done
  "$@"
}

# wait_for WHAT SECONDS PART COMMAND…: until the command succeeds; no longer than the part runs
wait_for() {
  local what=$1 deadline=$((SECONDS + $2)) part=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ] || ! recorded "$folder/pid/$part" >/dev/null; then
      tail -n 15 "$log/$part.log" >&2
      fail "waited in vain for $what; its log is $log/$part.log"
    fi
    sleep 0.1
  done
}
