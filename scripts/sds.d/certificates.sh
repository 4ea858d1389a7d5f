# Two small authorities, made here and used nowhere else: one says which agent runs on which machine, one what browsers see.

# authority NAME: ca/NAME.pem and ca/NAME.key
authority() {
  new_certificate "$folder/ca/$1" "/CN=svidecar scene: $1" \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign'
}

# issue AUTHORITY PATH COMMON_NAME EXTENSION…: PATH.pem and PATH.key, unless they are there
issue() {
  local authority=$folder/ca/$1 path=$2 name=$3
  local -a extensions=()
  shift 3
  while [ $# -gt 0 ]; do extensions+=(-addext "$1"); shift; done
  new_certificate "$path" "/CN=$name" -CA "$authority.pem" -CAkey "$authority.key" \
    -addext 'basicConstraints=critical,CA:FALSE' -addext 'keyUsage=critical,digitalSignature' "${extensions[@]}"
}

# new_certificate PATH SUBJECT ARG…: the key is there last, so that half a pair counts as none
new_certificate() {
  local path=$1 subject=$2
  shift 2
  [ ! -f "$path.key" ] || return 0
  (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
    -subj "$subject" -keyout "$path.key.new" -out "$path.pem" "$@" 2>"$log/openssl.log") ||
    { cat "$log/openssl.log" >&2; fail "openssl made no certificate for $subject"; }
  chmod 644 "$path.pem"
  mv "$path.key.new" "$path.key"
}

make_certificates() {
  local machine
  authority agents
  authority browsers
  for machine in "${machines[@]}"; do
    issue agents "$folder/$machine/agent" "$machine" 'extendedKeyUsage=clientAuth'
    chown "$(agent_uid "$machine")" "$folder/$machine/agent.key"
  done
  issue browsers "$folder/front-envoy/server" localhost 'extendedKeyUsage=serverAuth' \
    'subjectAltName=DNS:localhost,DNS:front-envoy,IP:127.0.0.1'
  chown "$(envoy_uid front-envoy)" "$folder/front-envoy/server.key"
  cp "$folder/ca/agents.pem" "$folder/spire-server/agent-ca.pem"
}
