# The scene as a whole: up, test and down.

up() {
  local machine
  local -a idle=()
  require_place
  make_folders
  make_certificates
  # An Envoy that runs has read its file.
  for machine in "${machines[@]}"; do runs "$machine" || idle+=("$machine"); done
  write_configurations "${idle[@]}"
  provide_programs
  add_tokens "${idle[@]}"
  start_named spire-server
  for machine in "${machines[@]}"; do
    if [ "$has_new_life" = 1 ] || ! has_entry "$machine"; then register "$machine" >/dev/null; fi
  done
  # Agents first: an Envoy that starts finds its identity ready.
  start_named "${machines[@]/%/-agent}" service-purple-app service-gray-app
  [ "$(data_path)" = off ] || start_named "${machines[@]/%/-helper}"
  start_named "${machines[@]}"
  say_where
}

say_where() {
  local https=https://localhost:${setting[HTTPS_PORT]}
  cat <<TEXT
front-envoy     $https/service/purple and $https/service/gray
                http://localhost:${setting[HTTP_PORT]}/ redirects there; the browser's authority is $folder/ca/browsers.pem
service-purple  spiffe://example.org/service-purple at 127.0.0.1:${setting[PURPLE_PORT]}, for front-envoy alone
service-gray    spiffe://example.org/service-gray at 127.0.0.1:${setting[GRAY_PORT]}, for front-envoy alone
next            scripts/sds status, scripts/sds test, scripts/sds logs front-envoy, scripts/sds down
TEXT
}

# Also after a crash: what does not run any more is passed over.
down() {
  if [ -f "$mark" ]; then
    stop "${all_parts[@]}"
    rm -rf "$folder"
  fi
  rm -f "${folder%/}.lock"
  # The folder of ours around it, where nothing else is in it.
  [ "$folder" != "$default_folder" ] || rmdir "$(dirname "$folder")" 2>/dev/null || true
}

prove() (
  local name
  for name in "${setting_names[@]}"; do export "SVIDECAR_SDS_$name=${setting[$name]}"; done
  export SVIDECAR_SDS_FOLDER="$folder" SVIDECAR_SDS_TOKENS
  SVIDECAR_SDS_TOKENS=$(data_path)
  # shellcheck source=scripts/env.sh
  . "$scripts/env.sh"
  exec node "$parts/prove.ts"
)
