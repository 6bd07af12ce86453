# shellcheck shell=bash
# The images of the lab, named by a hash of what they are made from, so that they are built once. Sourced by lab.
# LBCTL_LAB_EL_IMAGE and LBCTL_LAB_DEB_IMAGE (rockylinux:9, ubuntu:24.04) take real distributions instead.

images_name() {
  local hash
  hash=$(cd "$LAB_DIR/image" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)
  LAB_IMAGE_TOOLS=lbctl-lab-tools:$hash
  LAB_IMAGE_EL=lbctl-lab-el:$hash
  LAB_IMAGE_DEB=lbctl-lab-deb:$hash
  [[ -z ${LBCTL_LAB_EL_IMAGE:-} ]] || LAB_IMAGE_EL=lbctl-lab-el:${LBCTL_LAB_EL_IMAGE//[^A-Za-z0-9_.-]/-}-$hash
  [[ -z ${LBCTL_LAB_DEB_IMAGE:-} ]] || LAB_IMAGE_DEB=lbctl-lab-deb:${LBCTL_LAB_DEB_IMAGE//[^A-Za-z0-9_.-]/-}-$hash
  export LAB_IMAGE_EL LAB_IMAGE_DEB LAB_IMAGE_TOOLS
}

image_there() { docker image inspect "$1" >/dev/null 2>&1; }

# The Debian base: pulled where that works (10 s to begin with it), else made by mmdebstrap from Debian's packages.
base_image() {
  BASE_IMAGE=lbctl-lab-base:bookworm
  image_there $BASE_IMAGE && return 0
  if image_there debian:12 || { say "pulling debian:12"; timeout 10 docker pull -q debian:12 >/dev/null 2>&1; }; then
    BASE_IMAGE=debian:12
    return 0
  fi
  install_packages mmdebstrap:mmdebstrap
  ((EUID == 0)) || die "debian:12 cannot be pulled, and making a base with mmdebstrap needs root"
  say "debian:12 cannot be pulled: making a base from Debian's packages (about 20 s)"
  local dir
  dir=$(mktemp -d)
  if ! mmdebstrap --variant=minbase --include=ca-certificates,systemd-sysv,dbus,openssh-server,sudo,iproute2 \
    bookworm "$dir/root.tar" >"$dir/log" 2>&1; then
    tail -n 15 "$dir/log" >&2
    rm -rf "$dir"
    die "mmdebstrap failed"
  fi
  docker import "$dir/root.tar" $BASE_IMAGE >/dev/null
  rm -rf "$dir"
}

image_build() { # NAME BUILD-ARGUMENT...
  local name=$1 log
  shift
  say "building $name"
  log=$(mktemp)
  # --network host: the lab's own engine has no bridge of its own, and no NAT.
  if ! docker build --network host -t "$name" "$@" "$LAB_DIR/image" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "building $name failed"
  fi
  rm -f "$log"
}

image_build_real() { # NAME BASE
  image_build "$1" -f "$LAB_DIR/image/real.Dockerfile" --build-arg "BASE=$2"
}

image_build_own() { # NAME TARGET
  [[ -n ${BASE_IMAGE:-} ]] || base_image
  image_build "$1" --build-arg "BASE=$BASE_IMAGE" --target "$2"
}

images_up() {
  if ! image_there "$LAB_IMAGE_EL"; then
    if [[ -n ${LBCTL_LAB_EL_IMAGE:-} ]]; then image_build_real "$LAB_IMAGE_EL" "$LBCTL_LAB_EL_IMAGE"
    else image_build_own "$LAB_IMAGE_EL" el; fi
  fi
  if ! image_there "$LAB_IMAGE_DEB"; then
    if [[ -n ${LBCTL_LAB_DEB_IMAGE:-} ]]; then image_build_real "$LAB_IMAGE_DEB" "$LBCTL_LAB_DEB_IMAGE"
    else image_build_own "$LAB_IMAGE_DEB" deb; fi
  fi
  image_there "$LAB_IMAGE_TOOLS" || image_build_own "$LAB_IMAGE_TOOLS" tools
}

images_down() {
  local id
  for id in $(docker images -q --filter label=lbctl.lab.image | sort -u) $(docker images -q lbctl-lab-base); do
    docker rmi -f "$id" >/dev/null 2>&1 || true
  done
}
