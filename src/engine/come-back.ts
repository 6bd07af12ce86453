import type { Diagnostic } from '../base/diagnostic.js';
import { TransportError } from '../transport/types.js';
import { confirm } from './confirm.js';
import { quietScript } from './framing.js';
import { fenceScript } from './lock.js';
import type { BatchesContext, Outcome } from './run-batches.js';

/** Milliseconds that a host may be away, and between two tries to reach it. */
const PATIENCE = 90_000;
const PAUSE = 1000;

/**
 * Reaches hosts again whose connection was lost in the middle of a change, and waits until the script that was
 * running there has ended. Empty: all are back, the lock is still ours, and nothing runs there any more.
 */
export async function comeBack(
  lost: Extract<Outcome, { kind: 'lost' }>,
  context: BatchesContext,
): Promise<readonly Diagnostic[]> {
  const { cluster, emit } = context;
  const tell = (host: string, message: string) =>
    emit({ event: 'notice', cluster: cluster.name, host, message });
  const problems = await Promise.all(
    lost.hosts.map(async (host) => {
      tell(
        host,
        'the connection was lost in the middle of a change: connecting again to look what became of it',
      );
      const problem = await reach(host, context);
      if (problem === null) tell(host, 'connected again');
      return problem;
    }),
  );
  const still = problems.filter((it) => it !== null);
  return still.length > 0 ? [...lost.errors, ...still] : [];
}

async function reach(host: string, context: BatchesContext): Promise<Diagnostic | null> {
  const session = context.sessions.get(host);
  if (session === undefined) return null;
  const about = { severity: 'error', cluster: context.cluster.name, host } as const;
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      const quiet = await session.run(quietScript, { limit: 90, signal: context.interrupted });
      if (quiet.exitCode !== 0)
        return {
          ...about,
          code: 'still-running',
          summary: quiet.stderr.trim() || 'an earlier script still runs',
        };
      const fence = await session.run(fenceScript(context.token), { limit: 30 });
      if (fence.exitCode !== 0)
        return { ...about, code: 'lock-lost', summary: fence.stderr.trim() || 'the lock is no longer ours' };
      // Before anybody looks: it must not go back by itself meanwhile. Where it has, that is what will be seen.
      if (context.armed.has(host)) await confirm(session, context.armed, context.revert);
      return null;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (error.failure === 'aborted' || Date.now() > deadline) return { ...error.diagnostic, ...about };
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
