# The programs of the scene, each started as a user of its own and without any right of root's, and stopped by its process id.

all_parts=(
  front-envoy service-purple service-gray front-envoy-helper service-purple-helper service-gray-helper
  service-purple-app service-gray-app
  front-envoy-agent service-purple-agent service-gray-agent spire-server
)

runs() { recorded "$folder/pid/$1" >/dev/null; }

# start PART UID GID COMMAND…: standard output, an Envoy's access log, goes to the same file as its messages
start() {
  local part=$1 uid=$2 gid=$3
  shift 3
  # What comes from a setgid or lower umask of this shell's is not for them; sockets of the app are for its group too.
  (
    cd "$folder"
    umask 007
    exec env -i PATH=/usr/bin:/bin SDS_FOLDER="$folder" SDS_SPIRE_PORT="${setting[SPIRE_PORT]}" SDS_MACHINE="${SDS_MACHINE:-}" \
      setsid setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
  ) >>"$log/$part.log" 2>&1 </dev/null 9>&- &
  remember $! "$folder/pid/$part"
}

start_server() {
  runs spire-server && return
  require_port SPIRE_PORT
  start spire-server "$(server_uid)" "$(server_uid)" "$folder/bin/spire-server" run -expandEnv -config "$folder/spire-server/server.conf"
}

start_agent() { # MACHINE
  local part=$1-agent uid
  uid=$(agent_uid "$1")
  runs "$part" && return
  spire_server bundle show >"$folder/$1/bootstrap.pem"
  chmod 644 "$folder/$1/bootstrap.pem"
  SDS_MACHINE=$1 start "$part" "$uid" "$uid" "$folder/bin/spire-agent" run -expandEnv -config "$folder/$1/agent.conf"
}

start_app() { # MACHINE
  local part=$1-app
  runs "$part" && return
  rm -f "$folder/$1/app/app.sock"
  # Its group is the Envoy's: who is in it may connect.
  start "$part" "$(app_uid "$1")" "$(envoy_uid "$1")" "$folder/bin/node" "$folder/bin/colour-server.ts" "$folder/$1/app/app.sock" "${1#service-}"
}

start_envoy() { # MACHINE
  local machine=$1 uid
  uid=$(envoy_uid "$machine")
  runs "$machine" && return
  case "$machine" in
    front-envoy) require_port HTTP_PORT; require_port HTTPS_PORT ;;
    service-purple) require_port PURPLE_PORT ;;
    service-gray) require_port GRAY_PORT ;;
  esac
  start "$machine" "$uid" "$uid" "$folder/bin/envoy" --config-path "$folder/$machine/envoy.yaml" \
    --disable-hot-restart --concurrency 1 --log-level warning --file-flush-interval-msec 500
}

envoy_admin() { curl --silent --fail --max-time 2 --unix-socket "$folder/$1/envoy/admin.sock" "http://envoy$2"; }
agent_is_healthy() { "$folder/bin/spire-agent" healthcheck -socketPath "$folder/$1/agent/agent.sock"; }

# start_named PART…: each starts after what it needs, and is waited for
start_named() {
  local part
  check_names "$@"
  for part in spire-server "${machines[@]/%/-agent}" service-purple-app service-gray-app "${machines[@]/%/-helper}" "${machines[@]}"; do
    [[ " $* " == *" $part "* ]] || continue
    case "$part" in
      spire-server) start_server; wait_for 'the SPIRE server' 30 "$part" spire_server healthcheck ;;
      *-agent) start_agent "${part%-agent}" ;;
      *-app) start_app "${part%-app}" ;;
      *-helper) start_helper "${part%-helper}" ;;
      *) start_envoy "$part" ;;
    esac
  done
  for part in "$@"; do
    case "$part" in
      spire-server) ;;
      *-agent) wait_for "$part" 30 "$part" agent_is_healthy "${part%-agent}" ;;
      *-app) wait_for "$part" 10 "$part" test -S "$folder/${part%-app}/app/app.sock" ;;
      *-helper) wait_for "$part" 30 "$part" helper_is_ready "${part%-helper}" ;;
      *) wait_for "$part" 30 "$part" envoy_admin "$part" /ready ;;
    esac
  done
}

# stop PART…: all at once by their process ids; killed where they do not end by themselves
stop() {
  local part pid signal=TERM deadline=$((SECONDS + 5)) waits=1
  for part in "$@"; do
    if pid=$(recorded "$folder/pid/$part"); then kill -TERM "$pid" 2>/dev/null || true; fi
  done
  while [ "$waits" = 1 ]; do
    waits=0
    [ "$SECONDS" -lt "$deadline" ] || signal=KILL
    for part in "$@"; do
      pid=$(recorded "$folder/pid/$part") || { rm -f "$folder/pid/$part"; continue; }
      waits=1
      [ "$signal" = TERM ] || kill -KILL "$pid" 2>/dev/null || true
    done
    [ "$waits" = 0 ] || sleep 0.05
  done
}

check_names() {
  local part
  for part in "$@"; do
    [[ " ${all_parts[*]} " == *" $part "* ]] || wrong "there is no part $part: ${all_parts[*]}"
  done
}

stop_named() { check_names "$@"; stop "$@"; }
