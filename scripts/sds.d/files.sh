# The folder of a scene: who may enter what, the configurations, and programs that users without a home can run.

make_folders() {
  local machine uid
  # Every user of the scene passes through.
  mkdir -p "$folder"/{pid,log,bin}
  chmod 755 "$folder" "$folder/bin"
  for machine in "${setting_names[@]}"; do echo "$machine=${setting[$machine]}"; done >"$mark"
  private "$(id -u)" "$folder/ca"
  private "$(server_uid)" "$folder/spire-server" "$folder/spire-server/private" "$folder/spire-server/data"
  for machine in "${machines[@]}"; do
    mkdir -p "$folder/$machine"
    chmod 755 "$folder/$machine"
    private "$(agent_uid "$machine")" "$folder/$machine/agent" "$folder/$machine/agent/data"
    # Every process may ask an agent who it is.
    chmod 755 "$folder/$machine/agent"
    uid=$(envoy_uid "$machine")
    private "$uid" "$folder/$machine/envoy"
    [ "$machine" != front-envoy ] || continue
    # The app makes its socket there, and of all others only its Envoy gets in, by its group.
    private "$(app_uid "$machine")" "$folder/$machine/app"
    chgrp "$uid" "$folder/$machine/app"
    chmod 750 "$folder/$machine/app"
  done
}

# private UID FOLDER…
private() {
  local uid=$1
  shift
  mkdir -p "$@"
  chown "$uid:$uid" "$@"
  chmod 700 "$@"
}

# The configurations of manifests/sds, with this scene's folder and settings in the lines that name them.
write_configurations() { # MACHINE…
  local name machine path
  local -a edits=(-e "s|/var/lib/svidecar/sds/|$folder/|")
  for name in "${setting_names[@]}"; do
    edits+=(-e "s/[0-9]+([^0-9]*# SVIDECAR_SDS_$name)\$/${setting[$name]}\1/")
  done
  cp "$templates/server.conf" "$folder/spire-server/server.conf"
  chmod 644 "$folder/spire-server/server.conf"
  for machine in "$@"; do
    path=$folder/$machine/envoy.yaml
    sed -E "${edits[@]}" "$templates/$machine.yaml" >"$path"
    cp "$templates/agent.conf" "$folder/$machine/agent.conf"
    chmod 644 "$path" "$folder/$machine/agent.conf"
  done
}

# provide NAME FILE: where every user can run or read it. The file may lie in somebody's home: then a link will do, where all may use
# the file itself, or else a copy.
provide() {
  local target=$folder/bin/$1 source
  source=$(readlink -f "$2")
  if [ "$source" -ef "$target" ] || cmp -s "$source" "$target"; then return; fi
  rm -f "$target"
  case "$(stat --format %A "$source")" in
    *r-x) ! cp --link "$source" "$target" 2>/dev/null || return 0 ;;
  esac
  cp "$source" "$target"
  chmod 755 "$target"
}

provide_programs() {
  local program
  for program in spire-server spire-agent envoy; do provide "$program" "$(command -v "$program")"; done
  provide node "$(pinned_node)"
  provide colour-server.ts "$scripts/../images/demo/colour-server.ts"
  provide colour-page.ts "$scripts/../images/demo/colour-page.ts"
}

# In a shell of its own: env.sh changes PATH and the folder.
pinned_node() (
  # shellcheck source=scripts/env.sh
  . "$scripts/env.sh"
  node -p process.execPath
)
