# What each part does, and of an Envoy without identity the reason: its agent knows it.

status() {
  local part amiss=0
  for part in "${all_parts[@]}"; do
    if [[ $part = *-helper ]] && [ "$(data_path)" = off ]; then
      continue
    elif ! runs "$part"; then
      amiss=1
      echo "$part: does not run; scripts/sds up starts it, and $log/$part.log may say why it ended"
    elif [[ " ${machines[*]} " != *" $part "* ]]; then
      echo "$part: runs"
    else
      identity "$part" || amiss=1
    fi
  done
  return "$amiss"
}

# identity MACHINE: the certificate that its Envoy has from SDS
identity() {
  local certificate until
  # Of each certificate its line with the URI and the next ones; the first that has our SPIFFE ID is the Envoy's own.
  certificate=$(envoy_admin "$1" /certs | grep -F -A 8 "\"uri\": \"spiffe://example.org/$1\"") || {
    echo "$1: runs, and has no identity: $(reason_of "$1")"
    return 1
  }
  until=$(sed -n 's/.*"expiration_time": "\(.*\)".*/\1/p' <<<"$certificate" | head -n 1)
  if [ "$(date -d "$until" +%s)" -gt "$(date +%s)" ]; then
    echo "$1: runs as spiffe://example.org/$1, until $until"
  else
    echo "$1: runs, and its identity ended at $until: $(reason_of "$1")"
    return 1
  fi
}

reason_of() {
  if ! runs "$1-agent"; then
    echo "its agent does not run; scripts/sds up"
  elif ! has_entry "$1"; then
    echo "SPIRE has no entry for it; scripts/sds register $1"
  else
    echo "see $log/$1.log and $log/$1-agent.log"
  fi
}

show_logs() {
  if [ $# != 1 ] || [ ! -f "$log/$1.log" ]; then wrong "logs takes one of: ${all_parts[*]}"; fi
  cat "$log/$1.log"
}
