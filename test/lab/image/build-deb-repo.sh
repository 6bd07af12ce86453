#!/bin/bash
# Fills /srv/apt with haproxy, keepalived and every package that they need and the base has not, and writes the names
# of the latter to /srv/el-libraries: the EL-like host has them in its root file system, where RPMs do not look.
# Besides them what tests put on a host: ufw, other managers of its network, busybox, and a package for tasks of one's own.
set -euo pipefail
new() { apt-get install -s --no-install-recommends "$@" | awk '/^Inst/ {print $2}'; }
mapfile -t closure < <(new haproxy keepalived)
mapfile -t extra < <(new haproxy keepalived ufw ifupdown network-manager busybox | grep -vxFf <(printf '%s\n' "${closure[@]}"))
mkdir -p /srv/apt
printf '%s\n' "${closure[@]}" | grep -vxE 'haproxy|keepalived' > /srv/el-libraries
apt-get install -y --no-install-recommends dpkg-dev rpm createrepo-c cpio
cd /srv/apt
apt-get -o APT::Sandbox::User=root download "${closure[@]}" "${extra[@]}"
mkdir -p /tmp/lab-tool/DEBIAN /tmp/lab-tool/usr/bin
printf '#!/bin/sh\necho the tool of the lab\n' > /tmp/lab-tool/usr/bin/lab-tool
chmod 0755 /tmp/lab-tool/usr/bin/lab-tool
cat > /tmp/lab-tool/DEBIAN/control <<'CONTROL'
Package: lab-tool
Version: 1.0
Architecture: all
Maintainer: the lab <root@localhost>
Description: a package that nothing needs
CONTROL
dpkg-deb -b /tmp/lab-tool .
dpkg-scanpackages --multiversion . > Packages

# The same two packages once more with a higher version, in a repository of their own: for tests of upgrades.
mkdir -p /srv/apt-updates
for package in haproxy keepalived; do
  dpkg-deb -R /srv/apt/"$package"_*.deb "/tmp/$package"
  sed -i -E 's/^Version: .*/&+lab1/' "/tmp/$package/DEBIAN/control"
  dpkg-deb -b "/tmp/$package" "/srv/apt-updates/${package}_lab1.deb"
done
cd /srv/apt-updates
dpkg-scanpackages . > Packages
