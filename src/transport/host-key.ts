import type { Ask } from './ask.js';
import { errorText, failure, hostDiagnostic } from './failures.js';
import { HostTrust, type Trust } from './host-trust.js';
import { fingerprint } from './key-blob.js';
import type { KnownHostsFiles } from './known-hosts-files.js';
import type { Target } from './target.js';
import type { Trace } from './trace.js';

/** Of questions whether a host's key is the right one. */
const QUESTIONS = 3;

type Refusal = Extract<Trust, { accept: false }>;

/** Whether a host's key is the right one has to be asked: not while the server waits, but before another connection. */
export class KeyInQuestion extends Error {
  constructor(
    readonly decision: Refusal,
    readonly key: Buffer,
  ) {
    super('the host key is in question');
  }
}

export function isInQuestion(decision: Trust | null): decision is Refusal {
  return decision !== null && !decision.accept && decision.question !== undefined;
}

/** Asks whoever sits at the terminal, who may also type the fingerprint. */
export async function confirmed(ask: Ask | null, { decision, key }: KeyInQuestion): Promise<boolean> {
  if (ask === null || decision.question === undefined) return false;
  try {
    for (let question = decision.question, tries = 1; tries <= QUESTIONS; tries++) {
      const answer = (await ask.text(question)).trim();
      if (/^no?$/i.test(answer)) return false;
      if (/^yes$/i.test(answer) || answer === fingerprint(key)) return true;
      question = 'Please type yes, no, or the fingerprint: ';
    }
  } catch {
    // Whoever was asked gave up.
  }
  return false;
}

export async function readTrust(knownHosts: KnownHostsFiles, target: Target): Promise<HostTrust> {
  try {
    return new HostTrust(
      target,
      await knownHosts.entries(target.knownHosts),
      knownHosts.userFile(target.knownHosts),
    );
  } catch (error) {
    throw failure('unreachable', target.host, {
      code: 'known-hosts-unreadable',
      summary: `the known host keys cannot be read: ${errorText(error)}`,
      hint: 'correct that file, its owner and mode (`ls -l`), or name another one in `ssh.known_hosts_file`',
    });
  }
}

/** Adds a new key to known_hosts, and says what is odd about a key that was accepted all the same. */
export async function remember(
  deps: { readonly knownHosts: KnownHostsFiles; readonly trace: Trace },
  target: Target,
  trust: Trust,
  key: Buffer,
): Promise<void> {
  if (!trust.accept) return;
  if (trust.warning !== undefined) deps.trace({ type: 'warning', diagnostic: trust.warning });
  const file = deps.knownHosts.userFile(target.knownHosts);
  if (!trust.add || file === null) return;
  try {
    await deps.knownHosts.add(file, target.keyName, key, { hash: target.knownHosts.hash });
  } catch (error) {
    const summary = `the host key of ${target.name} could not be added to ${file}: ${errorText(error)}`;
    deps.trace({
      type: 'warning',
      diagnostic: hostDiagnostic(target.host, 'warning', { code: 'host-key-not-saved', summary }),
    });
  }
}
