# The floor: what a careful admin's own idempotent script for one host does, over one ssh. It makes the same changes
# and asks the same questions as lbctl. No lock, no order between the hosts, no copies of what was there, no way back.
# `files`, VIP and the variables *_changed come before this text, from bench/floor.ts.
set -eu
fail() { echo "$*" >&2; exit 1; }

put() { # PATH MODE OWNER, the content on standard input; succeeds when it had to be written
  cat >"$1.new"
  if cmp -s "$1" "$1.new" && [ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ]; then
    rm -f "$1.new"
    return 1
  fi
  chown "$3" "$1.new"
  chmod "$2" "$1.new"
  case $1 in */haproxy.cfg) haproxy -c -q -f "$1.new" || fail 'haproxy.cfg is wrong' ;; esac
  mv -f "$1.new" "$1"
}

ask() { # ADDRESS PORT PATH: prints the answer
  exec 3<>"/dev/tcp/$1/$2" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" | cat >&3
  timeout 2 cat <&3
} 2>/dev/null

run() { # SERVICE CHANGED: enabled, and running by what is on disk
  case $(systemctl show "$1" -p ActiveState,UnitFileState --value | paste -sd' ') in
    'active enabled') [ -z "$2" ] || systemctl reload "$1" ;;
    *) systemctl enable -q --now "$1" ;;
  esac
}

state=$(systemctl show firewalld -p ActiveState,UnitFileState --value | paste -sd' ')
[ "$state" = 'inactive disabled' ] || systemctl disable -q --now firewalld &
rpm -q haproxy keepalived >/dev/null || dnf -y -q install haproxy keepalived
[ "$(getenforce)" = Disabled ] || setenforce 0
grep -q '^SELINUX=disabled' /etc/selinux/config || sed -i 's/^SELINUX=.*/SELINUX=disabled/' /etc/selinux/config
mkdir -p /etc/systemd/system/haproxy.service.d /etc/systemd/system/keepalived.service.d /usr/libexec/keepalived

files
[ -z "$kernel_changed" ] && [ "$(cat /proc/sys/net/ipv4/ip_nonlocal_bind)" = 1 ] || sysctl -q -p /etc/sysctl.d/90-lbctl.conf
[ -z "$units_changed" ] || systemctl daemon-reload
run haproxy "$haproxy_changed"
for i in $(seq 100); do
  case $(ask 127.0.0.1 8405 /healthz) in *' 200 '*) break ;; esac
  [ "$i" != 100 ] || fail 'HAProxy does not serve'
  sleep 0.1
done
run keepalived "$keepalived_changed"
wait

/usr/libexec/keepalived/lbctl-check-haproxy || fail 'the check fails'
case $(ask 127.0.0.1 8405 '/stats;csv') in *,DOWN,*) fail 'a server is down' ;; esac
settled() { # MASTER or BACKUP, as keepalived's dump says; the dump holds its password
  rm -f /tmp/keepalived.json
  kill -s "$(keepalived --signum=JSON)" "$(systemctl show keepalived -p MainPID --value)"
  for _ in $(seq 50); do
    case $(tail -c 2 /tmp/keepalived.json 2>/dev/null) in *[]}]) break ;; esac
    sleep 0.02
  done
  grep -qE '"state":[12]\b' /tmp/keepalived.json && rm -f /tmp/keepalived.json
}
held() { [ -n "$(ip -o addr show to "$VIP")" ]; }
through() { # the holder proves nothing by asking itself
  for _ in 1 2 3 4; do
    case $(ask "$VIP" 80 /) in *' 200 '*) ;; *) return 1 ;; esac
  done
}
for i in $(seq 150); do
  if { held || through; } && settled; then exit 0; fi
  sleep 0.1
done
fail "$VIP does not answer"
