import type { Check } from '../inventory/model.js';
import { MONITOR_URI } from './haproxy.js';
import { GENERATED, TRACK_FILES } from './platform.js';

/** Seconds that HAProxy may take to answer: below keepalived's own time limit, so that the reason is ours. */
const READ_LIMIT = 0.7;

/** Seconds after which a mark is not believed any more while HAProxy answers: longer than any planned stop takes. */
const STALE_MARK = 30;

/** With a weight both this script and the mark lower the priority, by as much: only one of them may at a time. */
const COUNTED_ONCE = `# Of a HAProxy that was stopped keepalived knows already, by the mark: its weight counts once.
fail() {
  read -r mark <${TRACK_FILES.down.path} && [ "$mark" != 0 ] && exit 0
  exit 1
}
`;

/**
 * What keepalived runs to learn whether this host's HAProxy serves. It asks the monitor on loopback, never
 * the virtual address (a standby would reach the active host's HAProxy) and never the backends (their outage
 * must not move the address). bash, because its /dev/tcp needs no further program: bare hosts have no curl.
 * cat writes the request at once; printf alone would write its lines one by one, and the second would wait 40 ms
 * for a delayed acknowledgement.
 */
export function renderCheckScript(check: Check): string {
  const fail = check.weight === 0 ? 'exit 1' : 'fail';
  return `#!/bin/bash
${GENERATED}
# Exit 0: HAProxy on this host answers. keepalived runs this every ${check.interval} s.
exec 2>/dev/null
${check.weight === 0 ? '' : COUNTED_ONCE}exec 3<>/dev/tcp/127.0.0.1/${check.port} || ${fail}
printf 'GET ${MONITOR_URI} HTTP/1.0\\r\\n\\r\\n' | cat >&3 || ${fail}
read -r -t ${READ_LIMIT} answer <&3 || ${fail}
case $answer in
  *' 200 '*) ;;
  *) ${fail} ;;
esac
# A mark that says "stopped" of a HAProxy that answers for so long is not true: it would keep this host out.
read -r mark <${TRACK_FILES.down.path} || exit 0
# So does one from the future: the clock was set back since.
if [ "$mark" != 0 ]; then
  age=$(($(date +%s) - $(stat -c %Y ${TRACK_FILES.down.path})))
  [ $age -ge 0 ] && [ $age -le ${STALE_MARK} ] || echo 0 >${TRACK_FILES.down.path}
fi
exit 0
`;
}
