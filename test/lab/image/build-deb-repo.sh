#!/bin/bash
# Fills /srv/apt with haproxy, keepalived and every package that they need and the base has not, and writes the names
# of the latter to /srv/el-libraries: the EL-like host has them in its root file system, where RPMs do not look.
set -euo pipefail
mapfile -t closure < <(apt-get install -s --no-install-recommends haproxy keepalived | awk '/^Inst/ {print $2}')
mkdir -p /srv/apt
printf '%s\n' "${closure[@]}" | grep -vxE 'haproxy|keepalived' > /srv/el-libraries
apt-get install -y --no-install-recommends dpkg-dev rpm createrepo-c cpio
cd /srv/apt
apt-get -o APT::Sandbox::User=root download "${closure[@]}"
dpkg-scanpackages --multiversion . > Packages
gzip -k Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=lab release . > /tmp/Release
mv /tmp/Release Release
