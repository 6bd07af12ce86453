# shellcheck shell=bash
# What a lab keeps while it lives: its subnet, SSH ports and keys. Sourced by lab.

HOSTS=(el1 el2 deb1 deb2 web1 web2 client)
# shellcheck disable=SC2034 # used by lab
LB_HOSTS=(el1 el2 deb1 deb2)

host_octet() {
  case $1 in
    el1) echo 11 ;; el2) echo 12 ;; deb1) echo 21 ;; deb2) echo 22 ;;
    web1) echo 31 ;; web2) echo 32 ;; client) echo 41 ;;
    *) die "no such host: $1 (hosts: ${HOSTS[*]})" ;;
  esac
}
host_address() { echo "$LAB_NET4.$(host_octet "$1")"; }
host_container() { echo "$LBCTL_LAB-$1"; }
host_port() {
  local variable=LAB_PORT_${1^^}
  echo "${!variable}"
}
check_hosts() {
  local host
  for host in "$@"; do host_octet "$host" >/dev/null; done
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

state_load() {
  [[ -r $LAB_STATE/env ]] || return 1
  # shellcheck disable=SC1091
  source "$LAB_STATE/env"
  export LAB_NET4 LAB_NET6 LAB_BRIDGE
  local host
  for host in "${HOSTS[@]}"; do export "LAB_PORT_${host^^}"; done
  # The engine that the lab was started on, also where another one would be chosen by now.
  [[ -z ${LAB_DOCKER_HOST:-} ]] || export DOCKER_HOST=$LAB_DOCKER_HOST
}

# Chooses subnet and ports for a new lab. They begin at a hash of its name, so that a lab tends to get the same again.
state_create() {
  local hash n try taken host port
  hash=$((16#$(printf '%s' "$LBCTL_LAB" | sha256sum | cut -c1-7)))
  taken=$(ip -4 route 2>/dev/null; docker network ls -q | xargs -r docker network inspect \
    -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}'; cat "$STATE_BASE"/*/env 2>/dev/null || true)
  for ((try = 0; try < 254; try++)); do
    n=$(((hash + try) % 254 + 1))
    [[ $taken == *"10.213.$n."* || $taken == *"LAB_NET4=10.213.$n"$'\n'* ]] || break
  done
  ((try < 254)) || die "no free subnet in 10.213.0.0/16"
  mkdir -p "$LAB_STATE"
  chmod 0700 "$LAB_STATE"
  {
    echo "LAB_NET4=10.213.$n"
    printf 'LAB_NET6=fd6c:6263:746c:%x\n' "$n"
    echo "LAB_BRIDGE=lbctl-lab-$n"
    # Below the range that outgoing connections take theirs from, so that none takes one during a reset.
    port=$((20000 + hash % 1000 * 10))
    for host in "${HOSTS[@]}"; do
      while ! port_free $port || [[ $taken == *"=$port"$'\n'* ]]; do ((port += 1)); done
      echo "LAB_PORT_${host^^}=$port"
      ((port += 1))
    done
    printf 'LAB_DOCKER_HOST=%q\n' "${DOCKER_HOST:-}"
  } > "$LAB_STATE/env.new"
  mv "$LAB_STATE/env.new" "$LAB_STATE/env"
  state_load
}

# One client key, and one host key for every host: they stay over resets, so that known_hosts stays true.
keys_create() {
  local host dir public
  [[ -e $LAB_STATE/id_ed25519 ]] || ssh-keygen -q -t ed25519 -N '' -C "lab $LBCTL_LAB" -f "$LAB_STATE/id_ed25519"
  : > "$LAB_STATE/known_hosts.new"
  for host in "${HOSTS[@]}"; do
    dir=$LAB_STATE/hosts/$host
    mkdir -p "$dir"
    [[ -e $dir/ssh_host_ed25519_key ]] || ssh-keygen -q -t ed25519 -N '' -C "$host" -f "$dir/ssh_host_ed25519_key"
    cp "$LAB_STATE/id_ed25519.pub" "$dir/authorized_keys"
    public=$(cut -d' ' -f1,2 "$dir/ssh_host_ed25519_key.pub")
    echo "[127.0.0.1]:$(host_port "$host") $public" >> "$LAB_STATE/known_hosts.new"
    echo "$(host_address "$host") $public" >> "$LAB_STATE/known_hosts.new"
  done
  mv "$LAB_STATE/known_hosts.new" "$LAB_STATE/known_hosts"
}

info_json() {
  local host separator=''
  printf '{"lab":"%s","subnet":"%s.0/24","subnet6":"%s::/64","gateway":"%s.1","bridge":"%s",' \
    "$LBCTL_LAB" "$LAB_NET4" "$LAB_NET6" "$LAB_NET4" "$LAB_BRIDGE"
  printf '"docker_host":"%s","identity_file":"%s","known_hosts_file":"%s","state":"%s",' \
    "${DOCKER_HOST:-}" "$LAB_STATE/id_ed25519" "$LAB_STATE/known_hosts" "$LAB_STATE"
  printf '"vips":["%s.200","%s.201","%s.202","%s.203"],"vips6":["%s::200","%s::201"],"hosts":{' \
    "$LAB_NET4" "$LAB_NET4" "$LAB_NET4" "$LAB_NET4" "$LAB_NET6" "$LAB_NET6"
  for host in "${HOSTS[@]}"; do
    printf '%s"%s":{"name":"%s","address":"%s","address6":"%s::%s","ssh_port":%s,"container":"%s"}' "$separator" \
      "$host" "$host" "$(host_address "$host")" "$LAB_NET6" "$(host_octet "$host")" "$(host_port "$host")" \
      "$(host_container "$host")"
    separator=,
  done
  printf '}}\n'
}

inventory_yaml() { # el | deb
  local family=$1 vip=200
  [[ $family == el || $family == deb ]] || die "inventory of which pair: el or deb?"
  [[ $family == el ]] || vip=201
  cat <<YAML
# The $family pair of the lab "$LBCTL_LAB".
ssh:
  user: root
  identity_file: $LAB_STATE/id_ed25519
  known_hosts_file: $LAB_STATE/known_hosts
clusters:
  web:
    hosts:
      lb1: { address: $(host_address "${family}1"), ssh: { hostname: 127.0.0.1, port: $(host_port "${family}1") } }
      lb2: { address: $(host_address "${family}2"), ssh: { hostname: 127.0.0.1, port: $(host_port "${family}2") } }
    vrrp_instances:
      VI_1:
        virtual_router_id: $((vip - 149))
        virtual_ipaddress: [$LAB_NET4.$vip/24]
    haproxy:
      frontends:
        main: { bind: [80], default_backend: app }
      backends:
        app: { servers: { web1: "$LAB_NET4.31:80", web2: "$LAB_NET4.32:80" } }
YAML
}
