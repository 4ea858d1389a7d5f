# JWT-SVIDs on top of mTLS: svidecar's filters in each Envoy, and a helper beside it that runs as the Envoy's user, and so has its
# identity, its entry and its folder.

# The data path, or off.
data_path() { cat "$folder/tokens" 2>/dev/null || echo off; }

tokens() {
  case "$1" in
    off | ext-authz | native) ;;
    *) wrong "tokens takes ext-authz, native or off, not '$1'" ;;
  esac
  stop "${machines[@]}" "${machines[@]/%/-helper}"
  echo "$1" >"$folder/tokens"
  up
}

health_port() { echo $((setting[HELPER_PORT] + $(number_of "$1") - 1)); }

# What each Envoy is asked for; purple and gray let in whom mTLS lets in, and with a token for them only.
annotations_of() { # MACHINE
  echo "svidecar.dev/spiffe-id=spiffe://example.org/$1"
  echo "svidecar.dev/data-path=$(data_path)"
  case "$1:$(data_path)" in
    front-envoy:*)
      echo inject.svidecar.dev/templates=jwt-inject
      echo svidecar.dev/inject-listeners=https
      echo "svidecar.dev/audience=spiffe://example.org/services"
      ;;
    # Envoy's own filter puts one token on all routes of a listener; the helper has one for each.
    *:native) echo inject.svidecar.dev/templates=jwt-validate; echo "svidecar.dev/audience=spiffe://example.org/services" ;;
    *) echo inject.svidecar.dev/templates=jwt-validate ;;
  esac
  [ "$1" = front-envoy ] || echo svidecar.dev/allow-callers=spiffe://example.org/front-envoy
}

# svidecar inject on configurations that up has just written: at once, as by people on several machines.
add_tokens() { # MACHINE…
  local machine job
  local -a jobs=()
  if [ "$(data_path)" = off ] || [ $# = 0 ]; then return; fi
  (pinned_helper) || fail 'the helper could not be bundled: scripts/bundle-helper says why'
  for machine in "$@"; do
    add_tokens_to "$machine" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || fail "svidecar inject refused a configuration; see $log/*-inject.log"; done
  # By ext-authz each route names its audience, which the warning about a shared one does not see.
  [ "$(data_path)" = native ] || return 0
  for machine in "$@"; do sed -n "s/^warning: /$machine: &/p" "$log/$machine-inject.log"; done
}

add_tokens_to() { # MACHINE
  local config=$folder/$1/envoy.yaml annotations
  mapfile -t annotations < <(annotations_of "$1")
  local -a options=(--envoy-file "$config" --envoy-version 1.40.0 --helper-socket "$folder/$1/envoy/helper.sock"
    --helper-health "$(health_port "$1")" --annotation "${annotations[@]}")
  [ "$(data_path)" != ext-authz ] || audiences_of_routes "$config"
  "$scripts/svidecar" inject "${options[@]}" --print helper >"$folder/$1/helper.yaml" 2>"$log/$1-inject.log" || return 1
  "$scripts/svidecar" inject "${options[@]}" >"$config.new" 2>"$log/$1-inject.log" || return 1
  chmod 644 "$folder/$1/helper.yaml" "$config.new"
  mv "$config.new" "$config"
}

# Each service gets a token that the other one does not accept (docs/envoy.md, "Names and settings of routes").
audiences_of_routes() { # FILE
  local type=type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
  local line='\1typed_per_filter_config: {svidecar.jwt-inject: {"@type": '$type
  line+=', check_settings: {context_extensions: {svidecar-audience: "spiffe://example.org/\2"}}}}'
  sed -E -i "s|^( *)route: \{cluster: (service-[a-z]+),.*|&\n$line|" "$1"
}

pinned_helper() {
  # shellcheck source=scripts/env.sh
  . "$scripts/env.sh"
  node scripts/bundle-helper.ts "$folder/bin/helper.cjs" >"$log/bundle.log"
}

start_helper() { # MACHINE
  local part=$1-helper uid
  uid=$(envoy_uid "$1")
  runs "$part" && return
  rm -f "$folder/$1/envoy/helper.sock"
  start "$part" "$uid" "$uid" env SPIFFE_ENDPOINT_SOCKET="unix://$folder/$1/agent/agent.sock" \
    "$folder/bin/node" --max-semi-space-size=1 --max-old-space-size=32 "$folder/bin/helper.cjs" -config "$folder/$1/helper.yaml"
}

helper_is_ready() { curl --silent --fail --max-time 2 "http://127.0.0.1:$(health_port "$1")/startup"; }
