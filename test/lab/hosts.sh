# shellcheck shell=bash
# Starting, reaching, breaking and mending the hosts. Sourced by lab.

remove_hosts() {
  local host names=()
  for host in "$@"; do names+=("$(host_container "$host")"); done
  docker rm -fv "${names[@]}" >/dev/null 2>&1 || true
}

start_hosts() {
  local log
  compose_select
  log=$(mktemp)
  if ! "${COMPOSE[@]}" up -d --no-deps "$@" >"$log" 2>&1 </dev/null 8>&- 9>&-; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    die "the hosts could not be started"
  fi
  rm -f "$log"
  wait_ready "$@"
}

# Waits, in the host itself: every `docker exec` takes 0.1 s of this machine's processors. Says how systemd ended up.
booted() { # HOST
  docker exec "$(host_container "$1")" timeout 60 sh -c '
    while true; do
      case $(systemctl is-system-running --wait 2>/dev/null) in
        running) echo running; exit ;;
        degraded) echo "degraded: $(systemctl list-units --failed --plain --no-legend | cut -d" " -f1 | xargs)"; exit ;;
      esac
      sleep 0.2
    done' 2>&1
}

ssh_answers() { # HOST: where lbctl will look for it
  local line=''
  { exec 3<>"/dev/tcp/127.0.0.1/$(host_port "$1")" && read -r -t 2 line <&3; } 2>/dev/null || true
  exec 3>&- 2>/dev/null || true
  [[ $line == SSH-* ]]
}

host_ready() { # HOST
  local state tries=0
  # A container that was started a moment ago may not take commands yet.
  until state=$(booted "$1"); do
    ((tries++ < 3)) || { echo "$1 is not ready after 60 s: ${state:-systemd is not there}"; return 1; }
    sleep 0.3
  done
  [[ $state == running ]] || say "$1 is up, with failed units: ${state#degraded: }"
  for ((tries = 0; tries < 50; tries++)); do
    ! ssh_answers "$1" || return 0
    sleep 0.1
  done
  echo "sshd of $1 does not answer on 127.0.0.1:$(host_port "$1")"
  return 1
}

wait_ready() {
  local host why pids=() failed=()
  why=$(mktemp -d)
  for host in "$@"; do
    host_ready "$host" >"$why/$host" &
    pids+=("$host:$!")
  done
  for host in "${pids[@]}"; do wait "${host#*:}" || failed+=("${host%%:*}"); done
  for host in "$@"; do [[ ! -s $why/$host ]] || cat "$why/$host" >&2; done
  rm -rf "$why"
  ((${#failed[@]} == 0)) && return 0
  docker logs --tail 10 "$(host_container "${failed[-1]}")" >&2 || true
  die "not ready: ${failed[*]}"
}

host_exec() { # HOST COMMAND...
  (($# > 1)) || die "usage: lab exec HOST COMMAND..."
  check_hosts "$1"
  local flags=(-i) host=$1
  shift
  [[ ! -t 0 || ! -t 1 ]] || flags+=(-t)
  exec docker exec "${flags[@]}" "$(host_container "$host")" "$@"
}

host_ssh() { # [USER@]HOST [COMMAND...]
  (($#)) || die "usage: lab ssh [USER@]HOST [COMMAND...]"
  local user=root host=$1
  [[ $host != *@* ]] || { user=${host%%@*}; host=${host#*@}; }
  check_hosts "$host"
  shift
  exec ssh -F none -i "$LAB_STATE/id_ed25519" -o IdentitiesOnly=yes -o UserKnownHostsFile="$LAB_STATE/known_hosts" \
    -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o BatchMode=yes -p "$(host_port "$host")" \
    "$user@127.0.0.1" "$@"
}

# ip(8) in the network of the machine that the engine runs on: here, or (no root, docker in a virtual machine) from a
# container there.
engine_ip() {
  if ((EUID == 0)) && ip link show "$LAB_BRIDGE" >/dev/null 2>&1; then
    ip "$@"
  else
    images_name
    docker run --rm --network host --cap-add NET_ADMIN --entrypoint ip "$LAB_IMAGE_TOOLS" "$@"
  fi
}

# Off: the host's end of its cable leaves the bridge. Its own interface stays up, as with a switch that lost power;
# to everyone else the host is gone. Published SSH is gone too, `lab exec` still works.
power() { # on|off HOST...
  local direction=$1 host index interface
  shift
  (($#)) || die "usage: lab power-$direction HOST..."
  check_hosts "$@"
  for host in "$@"; do
    index=$(docker exec "$(host_container "$host")" cat /sys/class/net/eth0/iflink)
    interface=$(engine_ip -o link | awk -F'[ @:]+' -v index_="$index" '$1 == index_ {print $2}')
    [[ -n $interface ]] || die "$host: found no interface $index on the engine's machine"
    if [[ $direction == off ]]; then
      engine_ip link set "$interface" nomaster
    else
      engine_ip link set "$interface" master "$LAB_BRIDGE"
    fi
  done
}

reboot() { # [--hard] HOST...
  local command=(docker restart) host names=()
  if [[ ${1:-} == --hard ]]; then
    command=(docker restart -t 0)
    shift
  fi
  (($#)) || die "usage: lab reboot [--hard] HOST..."
  check_hosts "$@"
  for host in "$@"; do names+=("$(host_container "$host")"); done
  "${command[@]}" "${names[@]}" >/dev/null
  wait_ready "$@"
}

bridge_rule() { # -I|-D: what is exchanged among the lab's hosts passes the machine's packet filter
  iptables "$1" FORWARD -i "$LAB_BRIDGE" -o "$LAB_BRIDGE" -j ACCEPT 2>/dev/null
  ip6tables "$1" FORWARD -i "$LAB_BRIDGE" -o "$LAB_BRIDGE" -j ACCEPT 2>/dev/null
}

# Where br_netfilter is on, bridged packets go through the machine's FORWARD chain, and docker, or a firewall, may have
# closed it. An engine with packet filter rules of its own sees to that; ours has none.
bridge_open() {
  local ask=(docker exec "$(host_container client)" curl -sf -o /dev/null -m 2 "http://$(host_address web1)/healthz")
  "${ask[@]}" && return 0
  if ((EUID == 0)) && bridge_rule -I; then
    "${ask[@]}" && return 0
  fi
  die "client does not reach web1: does this machine's packet filter drop what crosses the bridge $LAB_BRIDGE?"
}

bridge_close() {
  [[ -n ${LAB_BRIDGE:-} ]] && ((EUID == 0)) || return 0
  local try
  for ((try = 0; try < 9; try++)); do bridge_rule -D || return 0; done
}
