import { sh } from '../base/shell.js';
import { checkRunProbe } from './probes/check-run.js';
import type { Step } from './types.js';

/** The title of the step below, and what it is called where it runs by itself. */
export const CHECK_FIRST = 'try the check of HAProxy';

/** So often, a second apart: a host that has just started HAProxy may be busy. */
const TRIES = 4;

/**
 * Before keepalived starts, with HAProxy serving already: its check is run as keepalived would run it. One that fails
 * now fails for another reason than a dead HAProxy, and with it the host would never hold an address, or every host would.
 * @param timeout seconds, as in keepalived.conf
 */
export function checkFirst(timeout: number): Step {
  return {
    title: CHECK_FIRST,
    script: sh`try() {
${checkRunProbe(timeout).script}
}
i=1
while :; do
  said=$( (try) 2>&1) || { echo "the check of HAProxy could not be tried: $said" >&2; exit 1; }
  [ "$said" != passed ] || exit 0
  [ $i -lt ${TRIES} ] || break
  i=$((i + 1))
  sleep 1
done
echo "the check of HAProxy does not pass although HAProxy serves: $said; keepalived was not started" >&2
exit 1`,
    limit: TRIES * (timeout + 3) + 10,
  };
}
