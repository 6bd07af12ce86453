#!/bin/sh
# Runs while an image is built: what makes a root file system a host of the lab.
set -eu

# root, ops (sudo without a password) and nosudo (no sudo rights). '*' instead of '!': no password, but not locked,
# so that a key login works whatever sshd thinks of locked accounts.
usermod -p '*' root
for user in ops nosudo; do
  useradd --create-home --shell /bin/bash "$user"
  usermod -p '*' "$user"
done
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/ops

# Host keys come from the lab's state directory at start (lab-init): the same after every reset.
rm -f /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/sshd_config.d
cat > /etc/ssh/sshd_config.d/00-lab.conf <<'CONF'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
MaxStartups 100:30:200
CONF
grep -q '^Include /etc/ssh/sshd_config.d' /etc/ssh/sshd_config \
  || sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config
systemctl enable ssh 2>/dev/null || systemctl enable sshd
systemctl set-default multi-user.target

# What a container cannot or must not do: devices, consoles, the machine's own kernel file systems, timed downloads.
# sshd-keygen would make other host keys than the lab's.
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
  console-getty.service getty.target getty@.service serial-getty@.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount systemd-modules-load.service \
  systemd-remount-fs.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  fstrim.timer dnf-makecache.timer ssh.socket sshd-keygen.target; do
  systemctl mask "$unit" >/dev/null 2>&1 || true
done

# The kernel is the machine's: a distribution's sysctl defaults would be written to it at every start.
rm -f /usr/lib/sysctl.d/*.conf /etc/sysctl.d/*.conf
: > /etc/sysctl.conf
: > /etc/machine-id
mkdir -p /etc/default && touch /etc/default/locale # else sshd complains at every login
chmod 0755 /usr/local/sbin/lab-init
