/** A pair that goes back and forth between two configurations while faults are injected, and what must hold afterwards. */
import { expect } from 'vitest';
import { holders, type Lb, on, onBoth, PAIR, vip } from '../../e2e/support/hosts.js';
import { lbctl, type Run, type Running, startWithin } from '../../e2e/support/lbctl.js';
import { healthy, type InventoryFile, inventory, startReady, vi1 } from '../../e2e/support/pair.js';
import { until } from '../../e2e/support/until.js';
import { type ClientLoop, startClientLoop } from '../../lab/lab.js';
import { instants } from './seed.js';
import { progress, tried, wrong } from './tally.js';

/** Files that a run writes as a whole. */
const MANAGED = [
  '/etc/haproxy/haproxy.cfg',
  '/etc/keepalived/keepalived.conf',
  '/usr/libexec/keepalived/lbctl-check-haproxy',
  '/usr/libexec/keepalived/lbctl-takeover',
  '/etc/systemd/system/haproxy.service.d/lbctl.conf',
  '/etc/systemd/system/keepalived.service.d/lbctl.conf',
  '/etc/sysctl.d/90-lbctl.conf',
];

/** A lock nobody renews is free after so many seconds. */
const LOCK_TTL = 60;

/** Milliseconds after which a broken run counts as hung: a host that is out of reach is waited for 90 s. */
const RUN_LIMIT = 150_000;

/** What each file of a host looked like whenever a run had ended well: nothing else may ever be found. */
export type Known = Readonly<Record<Lb, Map<string, Set<string>>>>;

/** What the two configurations of a pair differ in. */
export type Edit = 'two reloads' | 'another virtual_router_id' | 'a second VIP';

export interface Scene {
  readonly edit: Edit;
  /** What the pair is, and the other. */
  now: string;
  other: string;
  readonly known: Known;
  /** Requests that a change may cost in itself, a broken one included. */
  readonly bound: number;
}

const EDITS: Readonly<Record<Edit, (file: InventoryFile, second: string) => void>> = {
  // A reload of HAProxy and of keepalived on both hosts.
  'two reloads': ({ clusters: { web } }) => {
    web.haproxy.backends.app.balance = 'leastconn';
    Object.assign(web, { check: { fall: 3 } });
  },
  // Both hosts together: the standby is stopped meanwhile.
  'another virtual_router_id': (file) => {
    vi1(file).virtual_router_id = 58;
  },
  'a second VIP': (file, second) => {
    vi1(file).virtual_ipaddress.push(`${second}/24`);
  },
};

/*
 * Where hosts change together a keepalived that was ended before it took the addresses over starts anew, and waits out
 * three adverts: 3 s of a hundred requests each, once in the broken run and once in the next.
 */
const BOUNDS: Readonly<Record<Edit, number>> = {
  'two reloads': 0,
  'another virtual_router_id': 800,
  'a second VIP': 0,
};

async function sums(host: Lb): Promise<[path: string, sum: string][]> {
  const text = await on(
    host,
    `for f in ${MANAGED.join(' ')}; do [ -e $f ] && sha256sum $f || echo "missing $f"; done`,
  );
  return text.split('\n').map((line) => {
    const [sum = '', path = ''] = line.split(/\s+/);
    return [path, sum];
  });
}

/** A file that is never there would be whole whatever becomes of it. */
async function complete(): Promise<void> {
  for (const host of PAIR) expect((await sums(host)).filter(([, sum]) => sum === 'missing')).toEqual([]);
}

export async function remember(known: Known): Promise<void> {
  for (const host of PAIR) {
    for (const [path, sum] of await sums(host)) {
      const seen = known[host].get(path) ?? new Set();
      known[host].set(path, seen.add(sum));
    }
  }
}

export async function setScene(edit: Edit = 'two reloads'): Promise<Scene> {
  const now = await startReady();
  const second = await vip(1);
  const other = await inventory('other.yaml', (file) => EDITS[edit](file, second));
  await complete();
  const known: Known = { lb1: new Map(), lb2: new Map() };
  await remember(known);
  for (const path of [other, now]) {
    const run = await lbctl('up', path);
    expect(run.exit, run.said).toBe(0);
    await remember(known);
  }
  return { edit, now, other, known, bound: BOUNDS[edit] };
}

/** Nothing is half written, on whichever side of the change a file is. */
export async function whole(known: Known): Promise<string[]> {
  const found = await Promise.all(
    PAIR.map(async (host) => {
      const odd = (await sums(host)).filter(([path, sum]) => !known[host].get(path)?.has(sum));
      return odd.map(
        ([path, sum]) => `${host} ${path} is neither the old nor the new file (${sum.slice(0, 12)})`,
      );
    }),
  );
  return found.flat();
}

/** What a run must not leave on a host. */
export async function leftovers(): Promise<string[]> {
  const found =
    await onBoth(`find /etc /usr/libexec /var/lib/lbctl -name '*.lbctl-new' -o -name '*.lbctl-kept' -o -name '.new.*' 2>/dev/null
ls -d /run/lbctl/undo-* /run/lbctl-go.* 2>/dev/null
systemctl list-units --all --no-legend 'lbctl-undo-*'
pgrep -fa '^/bin/sh /run/lbctl/undo'; true`);
  return PAIR.flatMap((host, index) => (found[index] ? [`${host}: left behind: ${found[index]}`] : []));
}

/** A split brain, at whatever point a run ended: nobody else is to be seen on the address. */
async function oneHolder(): Promise<string[]> {
  const found = await holders(await vip());
  return found.length === 1 ? [] : [`the address is held by ${found.join(' and ') || 'nobody'}`];
}

/** keepalived of a standby that was kept from starting is free to again, once all is done. */
async function waiting(): Promise<string[]> {
  const found = await onBoth('ls /var/lib/lbctl/keepalived-waits 2>/dev/null; true');
  return PAIR.flatMap((host, index) => (found[index] ? [`${host}: ${found[index]} is left`] : []));
}

const STATE = `[ ! -e /var/lib/lbctl/lock ] || { read -r up rest </proc/uptime
age=$(( \${up%.*} - $(sed -n 's/^renewed=//p' /var/lib/lbctl/lock) )); [ $age -ge ${LOCK_TTL} ] || echo "locked for $age s"; }
ls -d /run/lbctl/undo-* 2>/dev/null
pgrep -f '^/bin/sh -c export LC_ALL=C;read' >/dev/null && echo 'a script runs'
true`;

/** Lets a lock look as old as it is when it is free: saves the tests most of a minute for each instant. */
const AGE = `cd /var/lib/lbctl && exec 9>lock.guard && flock 9 && [ -e lock ] && ! grep -q '^who=the host itself' lock &&
read -r up rest </proc/uptime && sed -i "s/^renewed=.*/renewed=$(( \${up%.*} - ${LOCK_TTL} ))/" lock; true`;

/**
 * Waits until the hosts have done what they do by themselves once their operator is gone: switches are waited for as
 * long as they take, locks too with `locks: 'wait'`.
 */
export async function alone(locks: 'wait' | 'age', seconds = 130): Promise<void> {
  await until(
    'the hosts are at rest',
    async () => {
      const states = await onBoth(STATE);
      const busy = states.flatMap((it) => it.split('\n')).filter((it) => it !== '');
      if (busy.length === 0) return true;
      if (locks === 'age' && busy.every((it) => it.startsWith('locked'))) await onBoth(AGE);
      throw new Error(busy.join('; '));
    },
    seconds,
  );
}

export interface Trial {
  /** What stands in the tally. */
  readonly fault: string;
  /** Which instant. */
  readonly at?: number | string;
  /** Breaks something while the change runs. */
  readonly inject?: (run: Running) => Promise<unknown>;
  /** Mends it when the run has ended. */
  readonly after?: () => Promise<unknown>;
  /** Run before lbctl begins. */
  readonly before?: () => Promise<unknown>;
  readonly flags?: readonly string[];
  /** Another inventory for the broken run than the one that is converged to afterwards. */
  readonly broken?: string;
  /** Requests that the client may lose. */
  readonly bound: number;
  readonly locks?: 'wait' | 'age' | 'free';
  /** Judges the run itself: its exit code, its message. */
  readonly judge?: (run: Run) => void | Promise<void>;
}

/** Changes the pair under a fault, then looks at what is left, and runs again without it. */
export async function injure(scene: Scene, trial: Trial): Promise<Run> {
  const { locks = 'age' } = trial;
  const bound = Math.max(trial.bound, scene.bound);
  const fault = scene.edit === 'two reloads' ? trial.fault : `${trial.fault} (${scene.edit})`;
  const label = trial.at === undefined ? fault : `${fault} at ${trial.at}`;
  const problems: string[] = [];
  const began = performance.now();
  const url = `http://${await vip()}/`;
  let loop: ClientLoop | null = await startClientLoop(url, { maxSeconds: 290, timeoutMs: 3000 });
  try {
    await trial.before?.();
    const running = startWithin(
      RUN_LIMIT,
      'up',
      trial.broken ?? scene.other,
      '--revert-after',
      '20',
      ...(trial.flags ?? []),
    );
    await trial.inject?.(running);
    const run = await running.ended;
    await trial.after?.();
    try {
      await trial.judge?.(run);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    if (locks !== 'free') await alone(locks);
    problems.push(...(await whole(scene.known)), ...(await leftovers()), ...(await oneHolder()));
    const goal = scene.other;
    const again = await lbctl('up', goal);
    if (again.exit === 0) [scene.now, scene.other] = [scene.other, scene.now];
    if (again.exit !== 0) problems.push(`the rerun ended with ${again.exit}: ${again.said}`);
    const plan = await lbctl('plan', goal);
    if (plan.exit !== 0) problems.push(`plan after the rerun ended with ${plan.exit}: ${plan.said}`);
    problems.push(...(await leftovers()), ...(await waiting()));
    const report = await loop.stop();
    loop = null;
    tried(fault, run.exit, report);
    const ended = run.exit === null ? 'killed' : `exit ${run.exit}`;
    const seconds = Math.round((performance.now() - began) / 1000);
    const state = problems.length === 0 ? '' : `; WRONG: ${problems.join('; ').slice(0, 400)}`;
    progress(
      `${label}: ${ended}, ${report.failed} of ${report.requests} requests lost, ${seconds} s${state}`,
    );
    if (report.failed > bound)
      problems.push(`${report.failed} requests lost, ${bound} allowed: ${JSON.stringify(report.errors)}`);
    if (problems.length > 0) {
      wrong(fault, `at ${trial.at ?? 'once'}`);
      throw new Error(`${label}:\n${problems.join('\n')}\n--- the broken run said:\n${run.said}`);
    }
    await healthy(scene.now);
    return run;
  } finally {
    await loop?.stop().catch(() => undefined);
  }
}

/** Every instant is tried, whatever the others came to; then it fails with all that went wrong. */
export async function each<T>(
  items: readonly T[],
  trial: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  const failures: string[] = [];
  for (const [index, item] of items.entries()) {
    try {
      await trial(item, index);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  expect(failures, failures.join('\n\n')).toEqual([]);
}

/** How often an instant is tried anew that came when its run had ended already. */
const TOO_LATE = 3;

/**
 * Each of so many instants of a run that takes so many milliseconds. One that came after the end of its run has tried
 * nothing: it is tried again, at the same part of the time that runs take by now.
 */
export async function eachInstant(
  name: string,
  { count, took }: { readonly count: number; readonly took: number },
  trial: (at: number, index: number) => Promise<Run>,
): Promise<void> {
  let most = took;
  await each(instants(name, count, took), async (at, index) => {
    for (let times = 0; times <= TOO_LATE; times++) {
      const { exit, ms } = await trial(Math.round((at / took) * most), index);
      if (exit !== 0) return;
      most = Math.min(most, ms);
    }
  });
}

/** How long a change of the whole pair takes here, in milliseconds. */
export async function measure(scene: Scene): Promise<number> {
  const run = await lbctl('up', scene.other);
  expect(run.exit, run.said).toBe(0);
  [scene.now, scene.other] = [scene.other, scene.now];
  return run.ms;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
