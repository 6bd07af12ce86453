# shellcheck shell=bash
# The docker engine of the lab: the one that runs already, or one of its own. Sourced by lab.

ENGINE_RUN=/run/${LBCTL_LAB_ENGINE:-lbctl-lab} # its socket and pid; short, because a socket's path must be
ENGINE_DATA=/var/lib/${LBCTL_LAB_ENGINE:-lbctl-lab} # its images: they outlive `down`, not `down --all`
ENGINE_SOCKET=unix://$ENGINE_RUN/docker.sock

engine_own_pid() { # the pid of the engine that this script started, if it still runs
  local pid
  pid=$(cat "$ENGINE_RUN/docker.pid" 2>/dev/null) || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 1
  echo "$pid"
}

# Selects the engine for this run: DOCKER_HOST if set, else our own if it runs, else the machine's.
engine_select() {
  [[ -n ${DOCKER_HOST:-} ]] && return 0
  if engine_own_pid >/dev/null; then export DOCKER_HOST=$ENGINE_SOCKET; fi
}

engine_answers() { timeout 10 docker info >/dev/null 2>&1; }

install_packages() { # COMMAND:PACKAGE...
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing: ${missing[*]}; install them, this script can only do it on Debian"
  ((EUID == 0)) || die "missing: ${missing[*]}; install them, or run this as root"
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    die "could not install ${missing[*]}"
  fi
  rm -f "$log"
}

engine_up() {
  install_packages ssh:openssh-client ssh-keygen:openssh-client ip:iproute2
  command -v docker >/dev/null || install_packages docker:docker.io
  engine_answers && return 0
  [[ -z ${DOCKER_HOST:-} || $DOCKER_HOST == "$ENGINE_SOCKET" ]] || die "no docker engine answers at $DOCKER_HOST"
  install_packages dockerd:docker.io
  # Installing it on a machine with systemd has started the machine's own engine.
  engine_answers && return 0
  ((EUID == 0)) || die "no docker engine answers, and starting one needs root"
  say "starting a docker engine of the lab's own ($ENGINE_RUN)"
  mkdir -p "$ENGINE_RUN" "$ENGINE_DATA"
  rm -f "$ENGINE_RUN/docker.pid"
  # dockerd and its containerd make these wherever their data is; what was not there before goes again.
  local path
  for path in /etc/docker /opt/containerd /run/containerd /run/docker; do
    [[ -e $path ]] || echo $path >> "$ENGINE_RUN/made"
  done
  export DOCKER_HOST=$ENGINE_SOCKET
  # Without packet filter rules, forwarding and docker0, the machine is the same before and after. Published ports are
  # served by docker's proxy, and the hosts reach nothing outside: no NAT. fd 9 is the lab's lock: not for the engine.
  setsid dockerd --host "$ENGINE_SOCKET" --pidfile "$ENGINE_RUN/docker.pid" --exec-root "$ENGINE_RUN/exec" \
    --data-root "$ENGINE_DATA/docker" --bridge none --iptables=false --ip6tables=false --ip-forward=false \
    --ip-masq=false --default-cgroupns-mode host >"$ENGINE_RUN/dockerd.log" 2>&1 </dev/null 9>&- &
  local try
  for ((try = 0; try < 150; try++)); do
    engine_answers && return 0
    sleep 0.2
  done
  tail -n 15 "$ENGINE_RUN/dockerd.log" >&2
  die "the docker engine did not start (log: $ENGINE_RUN/dockerd.log)"
}

# Ends our own engine, unless another lab has containers on it.
engine_down() {
  local pid others
  pid=$(engine_own_pid) || return 0
  others=$(docker ps -aq --filter label=lbctl.lab)
  [[ -z $others ]] || { say "another lab is up: the docker engine stays"; return 0; }
  kill "$pid"
  local try
  for ((try = 0; try < 150; try++)); do
    [[ -d /proc/$pid ]] || break
    sleep 0.1
  done
  [[ ! -d /proc/$pid ]] || die "the docker engine (pid $pid) did not stop within 15 s"
  [[ ! -e $ENGINE_RUN/made ]] || grep -qsx dockerd /proc/[0-9]*/comm || xargs rm -rf < "$ENGINE_RUN/made"
  umount "$ENGINE_RUN"/exec/netns/* 2>/dev/null || true
  rm -rf "$ENGINE_RUN"
  rmdir /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker 2>/dev/null || true
  say "stopped the lab's docker engine"
}

# Sets COMPOSE, the command: compose v2 where it is there, else docker-compose 1.29.
compose_select() {
  local tool=(docker-compose) files=(-f "$REPOSITORY/docker-compose.test.yml") cgroups
  cgroups=$(docker info -f '{{.CgroupVersion}}')
  export LAB_CGROUP=/sys/fs/cgroup:/sys/fs/cgroup:rw
  if docker compose version >/dev/null 2>&1; then
    tool=(docker compose)
    [[ $cgroups != 2 ]] || files+=(-f "$LAB_DIR/cgroup2.yml")
  else
    install_packages docker-compose:docker-compose
    # Compose 1.29 cannot say `cgroup: host`. Unless the engine's default is that (our own engine's is), a host keeps
    # the cgroup namespace of its own that it has anyway, and lab-init makes that one writable.
    [[ $cgroups != 2 || ${DOCKER_HOST:-} == "$ENGINE_SOCKET" ]] || LAB_CGROUP=/dev/null:/lab/unused:ro
  fi
  # shellcheck disable=SC2034 # used by hosts.sh
  COMPOSE=("${tool[@]}" "${files[@]}" -p "$LBCTL_LAB")
}

# Many systemds need more inotify instances than the default 128. What it was is put back with the last lab.
inotify_raise() {
  local file=/proc/sys/fs/inotify/max_user_instances
  [[ -w $file && $(cat $file) -lt 8192 ]] || return 0
  mkdir -p "$STATE_BASE"
  [[ -e $STATE_BASE/inotify ]] || cat $file > "$STATE_BASE/inotify"
  echo 8192 > $file
}

inotify_restore() {
  [[ -e $STATE_BASE/inotify && -w /proc/sys/fs/inotify/max_user_instances ]] || return 0
  cat "$STATE_BASE/inotify" > /proc/sys/fs/inotify/max_user_instances
  rm -f "$STATE_BASE/inotify"
}
