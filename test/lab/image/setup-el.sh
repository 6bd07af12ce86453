#!/bin/sh
# Runs while the EL-like image is built: from a Debian root file system with dnf to what lbctl meets on EL.
set -eu
rm -f /etc/os-release
cat > /usr/lib/os-release <<'CONF'
NAME="EL-like lab host"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION="9 (EL-like lab host, not EL)"
VERSION_ID="9.0"
PLATFORM_ID="platform:el9"
PRETTY_NAME="EL-like lab host 9 (not EL)"
CPE_NAME="cpe:/o:lab:el-like:9"
CONF
ln -s ../usr/lib/os-release /etc/os-release
echo 'EL-like lab host release 9 (not EL)' > /etc/redhat-release
ln -sf redhat-release /etc/system-release

# Debian's rpm keeps a database per user unless told otherwise; on EL it is the system's.
mkdir -p /etc/rpm /var/lib/rpm /etc/yum.repos.d /etc/sysconfig /usr/libexec
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros.lab
rpm --initdb
rpm -i --nodeps /srv/rpm/release/*.rpm
cat > /etc/dnf/dnf.conf <<'CONF'
[main]
gpgcheck=0
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
CONF
cat > /etc/yum.repos.d/lab.repo <<'CONF'
[lab-base]
name=Lab - base
baseurl=file:///srv/rpm/base
enabled=1

[lab-updates]
name=Lab - updates
baseurl=file:///srv/rpm/updates
enabled=0
CONF

# SELinux is not in a container's kernel: the file and the commands are what can be there.
mkdir -p /etc/selinux
cat > /etc/selinux/config <<'CONF'
# This file controls the state of SELinux on the system.
# SELINUX= can take one of these three values:
#     enforcing - SELinux security policy is enforced.
#     permissive - SELinux prints warnings instead of enforcing.
#     disabled - No SELinux policy is loaded.
SELINUX=enforcing
# SELINUXTYPE= can take one of these three values:
#     targeted - Targeted processes are protected,
SELINUXTYPE=targeted
CONF
systemctl enable firewalld
# There, as on EL, and not running: the engine has set the network up. A test lets it take over.
systemctl disable NetworkManager NetworkManager-wait-online NetworkManager-dispatcher

# EL has none of these; whoever looks for them must not find a Debian. sshd is called sshd there, and yum is dnf.
ln -sf dnf /usr/bin/yum
ln -sf /lib/systemd/system/ssh.service /etc/systemd/system/sshd.service
rm -rf /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg /usr/bin/dpkg-* /etc/apt /etc/debian_version \
  /var/lib/apt /var/cache/apt /var/lib/dpkg /usr/lib/sysctl.d/*.conf /srv/rpm/release
