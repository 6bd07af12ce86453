# A host from a real distribution's image (rockylinux:9, almalinux:9, ubuntu:24.04, debian:12), with haproxy and
# keepalived coming from the distribution's own repositories. Used when LBCTL_LAB_EL_IMAGE or LBCTL_LAB_DEB_IMAGE is
# set. It needs an image registry and those repositories: written to the same recipe as Dockerfile, but where the
# lab was developed neither could be reached, so this file has not been run there.
ARG BASE
FROM ${BASE}
LABEL lbctl.lab.image=1
COPY setup-host.sh lab-init /usr/local/sbin/
RUN if command -v dnf >/dev/null; then \
      dnf install -y systemd openssh-server sudo firewalld policycoreutils iproute procps-ng iputils util-linux \
      && mkdir -p /etc/selinux && { test -s /etc/selinux/config \
           || printf 'SELINUX=enforcing\nSELINUXTYPE=targeted\n' > /etc/selinux/config; } \
      && sed -i 's/^SELINUX=.*/SELINUX=enforcing/' /etc/selinux/config \
      && systemctl enable firewalld sshd && dnf clean all; \
    else \
      rm -f /usr/sbin/policy-rc.d; export DEBIAN_FRONTEND=noninteractive; \
      apt-get update && apt-get install -y --no-install-recommends systemd systemd-sysv dbus openssh-server sudo \
        iproute2 iputils-ping procps && rm -rf /var/lib/apt/lists/*; \
    fi \
 && sh /usr/local/sbin/setup-host.sh && rm /usr/local/sbin/setup-host.sh
CMD ["/usr/local/sbin/lab-init"]
