import type { Cluster } from '../inventory/model.js';
import { FLIP_MARK } from '../render/platform.js';
import type { Member } from '../resources/members.js';
import type { CertificateFacts, CertificateUse } from '../resources/probes/certificates.js';
import type { FileFacts } from '../resources/probes/file.js';
import type { Complaint } from '../resources/probes/log-complaints.js';
import type { ServiceFacts } from '../resources/probes/service.js';
import type { Problem } from './documents.js';
import type { Findings } from './inspect.js';
import { DRILL_COMMAND } from './lock.js';
import type { FoundLock } from './lock-look.js';
import { isAlive } from './lock-look.js';

const DAY = 86_400;
/** Days before a certificate's end from which on it is a problem. */
const CERTIFICATE_DAYS = 14;

/** Seconds for which a complaint about packets or a script counts as going on, at least: it comes with every advert or check. */
const GOES_ON = 10;

const NAMES: Readonly<Record<CertificateUse, string>> = {
  own: 'certificate',
  chain: 'an intermediate certificate in',
  authority: 'authority',
};

/** @param unresolved what the configuration itself names in a way that leads to no file */
export function certificateProblems(
  host: string,
  { files, unresolved: entries }: CertificateFacts,
  unresolved: readonly string[],
): Findings {
  const problems = files.flatMap(({ path, use, expiresIn }): Problem[] => {
    const what = NAMES[use];
    if (expiresIn === null) {
      const message = `${path} holds no certificate that can be read, or is not there: HAProxy would refuse its next reload`;
      return [{ code: 'certificate_missing', message, host }];
    }
    if (expiresIn > CERTIFICATE_DAYS * DAY) return [];
    const days = Math.floor(Math.abs(expiresIn) / DAY);
    const code = expiresIn < 0 ? 'certificate_expired' : 'certificate_expires';
    const when = expiresIn < 0 ? `expired ${inDays(days)} ago` : `expires in ${inDays(days)}`;
    return [{ code, message: `${what} ${path} ${when}: replace it and reload HAProxy`, host }];
  });
  const notes = [...unresolved, ...entries].map((name): Problem => {
    const message = `\`${name}\`: which file that is only HAProxy knows, so when it expires was not looked at; an absolute path, or \`crt-base\` and \`ca-base\`, tell`;
    return { code: 'certificate_not_looked_at', message, host };
  });
  return { problems, notes };
}

function inDays(days: number): string {
  return days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`;
}

/** Seconds: complaints are dated in whole ones, and come in the first moments after the load. */
const ROUNDING = 1;

/** What keepalived complains of now is a problem; what it complained of before, and does no more, a note. */
export function complaints(
  cluster: Cluster,
  host: string,
  found: readonly Complaint[] | null,
  /** Seconds since keepalived read its configuration; null: it does not run. */
  loadedAge: number | null,
): Findings {
  const goesOn = Math.max(GOES_ON, ...cluster.vrrpInstances.map((it) => 3 * it.advertInt));
  if (found === null) {
    const message = "there is no journal to read: keepalived's complaints were not looked for";
    return { problems: [], notes: [{ code: 'no_journal', message, host }] };
  }
  const told = found.map(({ kind, text, count, age }) => {
    const times = count === 1 ? 'once' : `${count} times`;
    const message = `keepalived complains since its start (${times}, last ${age} s ago): ${text}`;
    return { kind, age, problem: { code: `log_${kind}`, message, host } };
  });
  const current = told.filter(({ kind, age }) =>
    // Of a file that it has read anew since, its complaint is out of date.
    kind === 'configuration' ? loadedAge === null || age <= loadedAge + ROUNDING : age <= goesOn,
  );
  return {
    problems: current.map((it) => it.problem),
    notes: told.filter((it) => !current.includes(it)).map((it) => it.problem),
  };
}

/** Hosts that were taken out of the inventory and were not seen stopped since. */
export function formerNotes(former: readonly Member[]): Findings {
  const notes = former.map(({ name, address }): Problem => {
    const message = `${name} (${address}) was taken out of the inventory while keepalived or haproxy ran there: \`systemctl disable --now keepalived haproxy\` on it, and the next \`lbctl up\` forgets it`;
    return { code: 'former_member', message, host: null };
  });
  return { problems: [], notes };
}

export function lockNotes(host: string, lock: FoundLock | null): Findings {
  if (lock === null) return { problems: [], notes: [] };
  const { who, command, since } = lock;
  const run = `${who || 'somebody'} (\`${command || 'lbctl'}\`, since ${since || 'a while'})`;
  if (isAlive(lock)) {
    const message = `${run} is changing this host right now: what is seen may be on its way`;
    return { problems: [], notes: [{ code: 'change_in_progress', message, host }] };
  }
  if (command === DRILL_COMMAND) {
    const message = `${run} ended without a word: what it broke, the host mends by itself; its lock is free, and the next run takes it`;
    return { problems: [], notes: [{ code: 'drill_interrupted', message, host }] };
  }
  const message = `${run} ended without a word while it changed this host: what it left half done, \`lbctl plan\` shows and \`lbctl up\` finishes`;
  return { problems: [{ code: 'change_interrupted', message, host }], notes: [] };
}

/** A standby that was to stay quiet while the other host changes, and was never told to go on. */
export function waitingNotes(host: string, mark: FileFacts, keepalived: ServiceFacts): Findings {
  if (mark.kind === 'missing' || keepalived.active === 'active') return { problems: [], notes: [] };
  const message = `keepalived waits here on purpose (${FLIP_MARK}): a change that all hosts make together is half done, and started now it might hold the addresses beside the other host. Unless a run is at work, \`lbctl up\` finishes it`;
  return { problems: [{ code: 'waits_for_the_others', message, host }], notes: [] };
}
