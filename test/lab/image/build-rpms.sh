#!/bin/bash
# RPMs of haproxy and keepalived from Debian's binaries with EL's layout, units and default files, in two repositories:
# /srv/rpm/base has release 1, /srv/rpm/updates has release 2 (disabled on the hosts, for tests of upgrades).
set -euo pipefail
arch=$(rpm --eval '%{_arch}')
for package in haproxy keepalived; do
  dpkg-deb -x /srv/apt/"$package"_*.deb /build/root-"$package"
done
version() { # upstream version of a Debian package: no epoch, no Debian revision
  dpkg-deb -f /srv/apt/"$1"_*.deb Version | sed -E 's/^[0-9]+://; s/-[^-]*$//; s/[^0-9A-Za-z.]/_/g'
}
build() { # SPEC RELEASE REPOSITORY [VERSION]
  mkdir -p "/srv/rpm/$3"
  rpmbuild -bb --quiet --define "_topdir /build/rpmbuild" --define "_rpmdir /srv/rpm/$3" \
    --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" --define "_build_id_links none" \
    --define "lab_version ${4:-9}" --define "lab_release $2.el9" --define "lab_files /build/rpm" \
    --define "lab_root /build/root-$1" "/build/rpm/$1.spec"
}
build release 1 release
build lab-tool 1 base 1.0
for package in haproxy keepalived; do
  build "$package" 1 base "$(version "$package")"
  build "$package" 2 updates "$(version "$package")"
done
createrepo_c -q /srv/rpm/base
createrepo_c -q /srv/rpm/updates
ls -l /srv/rpm/*/*."$arch".rpm /srv/rpm/*/*.noarch.rpm
