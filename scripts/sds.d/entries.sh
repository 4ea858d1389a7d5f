# Who gets which identity: an entry for each Envoy, that names its machine's agent and its user.

spire_server() { "$folder/bin/spire-server" "$@" -socketPath "$folder/spire-server/private/api.sock"; }

# register [NAME…]: makes the entries, or gives those that are there their fields anew
register() {
  local name verb
  [ $# -gt 0 ] || set -- "${machines[@]}"
  for name in "$@"; do
    is_machine "$name"
    verb=create
    ! has_entry "$name" || verb=update
    spire_server entry "$verb" -entryID "$name" \
      -parentID "spiffe://example.org/spire/agent/x509pop/$name" \
      -spiffeID "spiffe://example.org/$name" \
      -selector "unix:uid:$(envoy_uid "$name")" \
      -x509SVIDTTL "${setting[SVID_LIFE]}" >"$log/entries.log" ||
      { cat "$log/entries.log" >&2; fail "SPIRE refused the entry of $name"; }
    echo "registered spiffe://example.org/$name for the user $(envoy_uid "$name") on $name's agent, for ${setting[SVID_LIFE]} s at a time"
  done
}

has_entry() { spire_server entry show -entryID "$1" >/dev/null 2>&1; }

unregister() {
  local name
  for name in "$@"; do
    is_machine "$name"
    has_entry "$name" || { echo "there is no entry of $name"; continue; }
    spire_server entry delete -entryID "$name" >/dev/null
    echo "deleted the entry of spiffe://example.org/$name"
  done
}
