/** The connection to a host is lost in the middle of a change. */
import { expect } from 'vitest';
import { type Lb, labHost, on, PAIR } from '../../e2e/support/hosts.js';
import { lbctl, type Run, start } from '../../e2e/support/lbctl.js';
import { labInfo } from '../../lab/lab.js';
import { injure, type Scene, sleep } from './scene.js';
import { throughWires } from './through-wires.js';
import { openWire, type Wire } from './wire.js';

export type Wires = Readonly<Record<Lb, Wire>>;
export type Afterwards = 'reachable' | 'away';

export async function openWires(): Promise<Wires> {
  const { hosts } = await labInfo();
  const open = (host: Lb) => openWire(hosts[labHost(host)].ssh_port);
  const [lb1, lb2] = await Promise.all([open('lb1'), open('lb2')]);
  return { lb1, lb2 };
}

export async function closeWires(wires: Wires): Promise<void> {
  await Promise.all(PAIR.map((host) => wires[host].close()));
}

/** How many bytes a change of the whole pair sends to a host: between them lies every script. */
export async function bytesTo(scene: Scene, wires: Wires, host: Lb): Promise<number> {
  wires[host].arm({ after: Number.POSITIVE_INFINITY, afterwards: 'reachable' });
  const run = await lbctl('up', await throughWires(scene.other, wires));
  expect(run.exit, run.said).toBe(0);
  [scene.now, scene.other] = [scene.other, scene.now];
  return wires[host].sent();
}

/** Cut after so many bytes that lbctl sent to the host. */
export async function cut(
  scene: Scene,
  wires: Wires,
  { host, afterwards, after }: { readonly host: Lb; readonly afterwards: Afterwards; readonly after: number },
): Promise<Run> {
  const wire = wires[host];
  return injure(scene, {
    fault: `connection to ${host} cut, ${afterwards === 'away' ? 'and the host out of reach' : 'the host can be reached again'}`,
    at: `${after} bytes`,
    broken: await throughWires(scene.other, wires),
    bound: 0,
    before: async () => wire.arm({ after, afterwards }),
    after: async () => wire.mend(),
    judge: ({ exit, said }) => {
      if (!wire.wasCut()) return;
      expect([0, 1, 4, 5], said).toContain(exit);
      if (exit !== 0)
        expect(said).toMatch(new RegExp(`${host}[\\s\\S]*(connection|reach|went away|gone back by itself)`));
    },
  });
}

/** Milliseconds from the first step on a host to the end of its last, of a change of the whole pair. */
export async function stepsOf(scene: Scene, host: Lb): Promise<number> {
  const running = start('up', scene.other);
  let began = 0;
  let ended = 0;
  const first = running.saw(step(host, 'started')).then(() => {
    began = performance.now();
  });
  running.child.stderr?.on('data', (text: string) => {
    if (step(host, 'done').test(text)) ended = performance.now();
  });
  await first;
  const run = await running.ended;
  expect(run.exit, run.said).toBe(0);
  [scene.now, scene.other] = [scene.other, scene.now];
  return ended - began;
}

function step(host: Lb, state: string): RegExp {
  return new RegExp(`web/${host}: .*: ${state}`);
}

/** Cut so many milliseconds after the first step began on the host: in the middle of one, whichever runs then. */
export async function cutInStep(
  scene: Scene,
  wires: Wires,
  { host, afterwards, after }: { readonly host: Lb; readonly afterwards: Afterwards; readonly after: number },
): Promise<Run> {
  const wire = wires[host];
  return injure(scene, {
    fault: `connection to ${host} cut while a step runs, ${afterwards === 'away' ? 'and the host out of reach' : 'the host can be reached again'}`,
    at: `${after} ms`,
    broken: await throughWires(scene.other, wires),
    bound: 0,
    inject: async (running) => {
      await running.saw(step(host, 'started'));
      await sleep(after);
      wire.cut(afterwards);
    },
    after: async () => wire.mend(),
    judge: ({ exit, said }) => {
      expect([0, 1, 4, 5], said).toContain(exit);
      if (exit !== 0)
        expect(said).toMatch(new RegExp(`${host}[\\s\\S]*(connection|reach|went away|gone back by itself)`));
    },
  });
}

/** The host's own sshd ends every session, after so many milliseconds. */
export function sshdEnds(scene: Scene, host: Lb, at: number): Promise<Run> {
  return injure(scene, {
    fault: 'ssh sessions killed on the host',
    at,
    bound: 0,
    inject: async () => {
      await sleep(at);
      await on(host, "pkill -KILL -f '^sshd: root' ; true");
    },
  });
}
