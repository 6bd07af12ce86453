/** A build from bare hosts whose operator goes away. */
import { expect } from 'vitest';
import { type Lb, onBoth, PAIR, vip } from '../../e2e/support/hosts.js';
import { lbctl, type Run, type Running, start } from '../../e2e/support/lbctl.js';
import { healthy, inventory, labUp, startBare } from '../../e2e/support/pair.js';
import { type ClientLoop, startClientLoop } from '../../lab/lab.js';
import type { Break } from './break.js';
import { alone, type Known, leftovers, remember, sleep, whole } from './scene.js';
import { progress, tried, wrong } from './tally.js';

export interface Site {
  readonly path: string;
  /** Files as the packages bring them, and as lbctl writes them. */
  readonly known: Known;
  /** How long a build takes, in milliseconds. */
  readonly took: number;
}

export async function setSite(): Promise<Site> {
  await labUp();
  const known: Known = { lb1: new Map(), lb2: new Map() };
  await startBare();
  await remember(known);
  await onBoth('dnf -yq install haproxy keepalived >/dev/null');
  await remember(known);
  const path = await inventory('bare.yaml');
  let took = Number.POSITIVE_INFINITY;
  // The first one on a machine takes longer: instants after its end would try nothing.
  for (let times = 0; times < 2; times++) {
    await startBare();
    const run = await lbctl('up', path);
    expect(run.exit, run.said).toBe(0);
    await remember(known);
    took = Math.min(took, run.ms);
  }
  return { path, known, took };
}

/** Once a client is answered it is answered ever after. */
async function watching(url: string): Promise<ClientLoop | null> {
  const loop = await startClientLoop(url, { maxSeconds: 120, timeoutMs: 3000 });
  await sleep(300);
  const { failed } = await loop.stop();
  return failed === 0 ? startClientLoop(url, { maxSeconds: 120, timeoutMs: 3000 }) : null;
}

export interface BuildTrial {
  readonly fault: string;
  readonly at?: number;
  readonly before?: () => Promise<unknown>;
  readonly inject?: (run: Running) => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
  readonly judge?: (run: Run) => void;
}

/** Builds the pair under a fault, then looks at what is left, and builds it without. */
export async function injureBuild({ path, known }: Site, trial: BuildTrial): Promise<Run> {
  const { fault, at = 'once' } = trial;
  const problems: string[] = [];
  await startBare();
  await trial.before?.();
  const running = start('up', path);
  await trial.inject?.(running);
  const run = await running.ended;
  await trial.after?.();
  try {
    trial.judge?.(run);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  await alone('age');
  problems.push(...(await whole(known)), ...(await leftovers()));
  const loop = await watching(`http://${await vip()}/`);
  const again = await lbctl('up', path);
  if (again.exit !== 0) problems.push(`the rerun ended with ${again.exit}: ${again.said}`);
  const plan = await lbctl('plan', path);
  if (plan.exit !== 0) problems.push(`plan after the rerun ended with ${plan.exit}: ${plan.said}`);
  problems.push(...(await leftovers()), ...(await locked()));
  const report = await loop?.stop();
  tried(fault, run.exit, report);
  if (report !== undefined && report.failed > 0)
    problems.push(`${report.failed} requests lost by the rerun: ${JSON.stringify(report.errors)}`);
  const served =
    report === undefined ? 'not served yet' : `${report.failed} of ${report.requests} requests lost`;
  progress(`${fault} at ${at}: exit ${run.exit}, ${served}${problems.length === 0 ? '' : '; WRONG'}`);
  if (problems.length > 0) {
    wrong(fault, `at ${at}`);
    throw new Error(`${fault} at ${at}:\n${problems.join('\n')}\n--- the broken run said:\n${run.said}`);
  }
  await healthy(path);
  return run;
}

export function killedBuild(site: Site, at: number): Promise<Run> {
  return injureBuild(site, {
    fault: 'kill -9 of lbctl during a bare build',
    at,
    inject: async ({ child }) => {
      await sleep(at);
      child.kill('SIGKILL');
    },
  });
}

/** Something is broken on one host for as long as the build takes; the run must fail, and say on which host and why. */
export async function brokenBuild(
  site: Site,
  host: Lb,
  what: string,
  it: Break,
  cause: RegExp,
): Promise<void> {
  await injureBuild(site, {
    fault: `${what} on ${host} during a bare build`,
    before: it.broken,
    after: it.mended,
    judge: ({ exit, said }) => {
      expect(exit, said).toBe(1);
      expect(said).toMatch(new RegExp(`web/${host}[\\s\\S]*(${cause.source})`, 'i'));
    },
  });
}

async function locked(): Promise<string[]> {
  const found = await onBoth('ls /var/lib/lbctl/lock 2>/dev/null; true');
  return PAIR.flatMap((host: Lb, index) => (found[index] ? [`${host} is still locked`] : []));
}
