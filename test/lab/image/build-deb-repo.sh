#!/bin/bash
# Fills /srv/apt with haproxy, keepalived, ufw and every package that they need and the base has not, and writes the names
# of what the first two need to /srv/el-libraries: the EL-like host has them in its root file system, where RPMs do not look.
set -euo pipefail
mapfile -t closure < <(apt-get install -s --no-install-recommends haproxy keepalived | awk '/^Inst/ {print $2}')
mkdir -p /srv/apt
printf '%s\n' "${closure[@]}" | grep -vxE 'haproxy|keepalived' > /srv/el-libraries
mapfile -t firewall < <(apt-get install -s --no-install-recommends ufw | awk '/^Inst/ {print $2}')
apt-get install -y --no-install-recommends dpkg-dev rpm createrepo-c cpio
cd /srv/apt
apt-get -o APT::Sandbox::User=root download "${closure[@]}" "${firewall[@]}"
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
