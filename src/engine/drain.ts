import { type Command, sh } from '../base/shell.js';
import { DRAIN } from '../render/haproxy.js';
import { STATS_SOCKET } from '../render/platform.js';

/** Seconds in which clients that keep connections open get an answer that asks them to close. */
export const DRAIN_SECONDS = 1.5;

/**
 * Shell functions `drain add` and `drain del`: from the one to the other every answer says `Connection: close`. Nothing
 * that every bare host has can talk to a socket of this kind; each has one of these. Fails where none is there, or where
 * HAProxy has no such list (a configuration of the user's own).
 */
export const DRAIN_FUNCTIONS: Command = sh`ask_haproxy() {
  for p in python3 /usr/libexec/platform-python; do
    command -v "$p" >/dev/null || continue
    "$p" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(3)
s.connect(sys.argv[1])
s.sendall((sys.argv[2] + "\n").encode())
while True:
    data = s.recv(65536)
    if not data: break
    sys.stdout.write(data.decode("utf-8", "replace"))' ${STATS_SOCKET} "$1" && return 0
  done
  if command -v perl >/dev/null; then
    perl -MIO::Socket::UNIX -e 'alarm 3; my $s = IO::Socket::UNIX->new($ARGV[0]) or exit 1; print $s "$ARGV[1]\n"; print while <$s>' ${STATS_SOCKET} "$1" && return 0
  fi
  command -v socat >/dev/null && echo "$1" | socat -t 3 - "UNIX-CONNECT:"${STATS_SOCKET}
}
drain() {
  drained=1
  for id in $(ask_haproxy 'show acl' | sed -n "s/^\([0-9][0-9]*\) ().*'str'.*/\1/p"); do
    case $(ask_haproxy "show acl #$id") in
      *${DRAIN.off}*) ask_haproxy "$1 acl #$id "${DRAIN.on} >/dev/null && drained=0 ;;
    esac
  done
  return $drained
}`;
