import type { Check } from '../inventory/model.js';
import { MONITOR_URI } from './haproxy.js';
import { GENERATED, TRACK_FILES } from './platform.js';

/** Seconds that HAProxy may take to answer: below keepalived's own time limit, so that the reason is ours. */
const READ_LIMIT = 0.7;

/** Seconds after which a mark is not believed any more while HAProxy answers: longer than any planned stop takes. */
const STALE_MARK = 30;

/**
 * What keepalived runs to learn whether this host's HAProxy serves. It asks the monitor on loopback, never
 * the virtual address (a standby would reach the active host's HAProxy) and never the backends (their outage
 * must not move the address). bash, because its /dev/tcp needs no further program: bare hosts have no curl.
 * cat writes the request at once; printf alone would write its lines one by one, and the second would wait 40 ms
 * for a delayed acknowledgement.
 */
export function renderCheckScript(check: Check): string {
  return `#!/bin/bash
${GENERATED}
# Exit 0: HAProxy on this host answers. keepalived runs this every ${check.interval} s.
exec 2>/dev/null
exec 3<>/dev/tcp/127.0.0.1/${check.port} || exit 1
printf 'GET ${MONITOR_URI} HTTP/1.0\\r\\n\\r\\n' | cat >&3 || exit 1
read -r -t ${READ_LIMIT} answer <&3 || exit 1
case $answer in
  *' 200 '*) ;;
  *) exit 1 ;;
esac
# A mark that says "stopped" of a HAProxy that answers for so long is not true: it would keep this host out.
read -r mark <${TRACK_FILES.down.path} || exit 0
if [ "$mark" != 0 ] && [ $(($(date +%s) - $(stat -c %Y ${TRACK_FILES.down.path}))) -gt ${STALE_MARK} ]; then
  echo 0 >${TRACK_FILES.down.path}
fi
exit 0
`;
}
