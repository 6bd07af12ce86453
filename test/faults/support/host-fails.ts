/** A host, or a program on it, fails in the middle of a change. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { type Lb, labHost, on } from '../../e2e/support/hosts.js';
import type { InventoryFile } from '../../e2e/support/pair.js';
import { until } from '../../e2e/support/until.js';
import { reboot } from '../../lab/lab.js';
import { type Break, full, instead, readOnlyEtc, repositoryDown, whenWritten } from './break.js';
import { injure, remember, type Scene } from './scene.js';

const HAPROXY = '/etc/haproxy/haproxy.cfg';
const KEEPALIVED = '/etc/keepalived/keepalived.conf';
const DROP_IN = '/etc/systemd/system/haproxy.service.d/lbctl.conf';

/** The other configuration, changed once more: for the run that is to fail. */
async function edited(scene: Scene, edit: (web: InventoryFile['clusters']['web']) => void): Promise<string> {
  const file = parse(await readFile(scene.other, 'utf8')) as InventoryFile;
  edit(file.clusters.web);
  const path = join(dirname(scene.other), 'edited.yaml');
  await writeFile(path, stringify(file));
  return path;
}

interface Refusal {
  readonly fault: string;
  /** What the run must say. */
  readonly cause: RegExp;
  readonly break?: Break;
  readonly broken?: string;
  readonly flags?: string[];
  readonly bound?: number;
  readonly exits?: readonly number[];
  /** Milliseconds that the run may take. */
  readonly within?: number;
}

/** The run must fail, say why, and leave everything in order by itself. */
async function refused(scene: Scene, refusal: Refusal): Promise<void> {
  const { fault, cause, bound = 0, flags = [], broken, exits = [1], within } = refusal;
  await injure(scene, {
    fault,
    bound,
    flags,
    locks: 'free',
    ...(broken === undefined ? {} : { broken }),
    ...(refusal.break === undefined ? {} : { before: refusal.break.broken, after: refusal.break.mended }),
    judge: ({ exit, said, ms }) => {
      expect(exits, said).toContain(exit);
      expect(said).toMatch(cause);
      if (within !== undefined) expect(ms, said).toBeLessThan(within);
    },
  });
}

export interface HostFault {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<void>;
  /** Too long for a sample. */
  readonly slow?: true;
}

/** Something else the first time that a program is called so. */
const ONCE = (words: string, script: string) =>
  `case "$*" in ${words}) if mkdir /run/hung 2>/dev/null; then ${script}; fi;; esac`;

const REFUSES = {
  haproxy: 'case " $* " in *" -c "*lbctl-new*) echo "[ALERT] wont take it" >&2; exit 1;; esac',
  keepalived: 'case " $* " in *lbctl-new*) echo "wont take it" >&2; exit 5;; esac',
};

export function hostFaults(host: Lb): HostFault[] {
  const named = (what: string) => new RegExp(`web/${host}[\\s\\S]*(${what})`, 'i');
  const active = host === 'lb1';
  const disks = ['/etc/haproxy', '/etc/keepalived', '/var/lib/lbctl'].map(
    (folder): HostFault => ({
      name: `disk full in ${folder} on ${host}`,
      run: (scene) =>
        refused(scene, {
          fault: `disk full in ${folder} on ${host}`,
          break: full(host, folder),
          cause: named('No space left'),
        }),
    }),
  );
  const programs = (['haproxy', 'keepalived'] as const).map(
    (program): HostFault => ({
      name: `${program} refuses the file on ${host}`,
      run: (scene) =>
        refused(scene, {
          fault: `${program} refuses the file on ${host}`,
          break: instead(host, `/usr/sbin/${program}`, REFUSES[program]),
          cause: named('wont take it'),
        }),
    }),
  );
  const hangs = (['once', 'for good'] as const).map(
    (how): HostFault => ({
      name: `systemctl reload hangs ${how} on ${host}`,
      run: (scene) =>
        refused(scene, {
          fault: `systemctl reload hangs ${how} on ${host}`,
          break: instead(
            host,
            '/usr/bin/systemctl',
            how === 'once'
              ? 'case "$1" in reload) if mkdir /run/hung 2>/dev/null; then exec sleep 300; fi;; esac'
              : 'case "$1" in reload) exec sleep 300;; esac',
          ),
          flags: ['--timeout', '4'],
          cause: named(
            'reload (haproxy|keepalived) did not end within its time limit[\\s\\S]*ended after 4 s',
          ),
        }),
    }),
  );
  // systemd is asked to read its files again where a drop-in is put right.
  const deaf: HostFault = {
    name: `systemctl daemon-reload hangs on ${host}`,
    run: (scene) => {
      const hangs = instead(host, '/usr/bin/systemctl', ONCE('"daemon-reload"', 'exec sleep 300'));
      const byHand = `echo '# by hand' >>${DROP_IN} && systemctl daemon-reload`;
      return refused(scene, {
        fault: `systemctl daemon-reload hangs on ${host}`,
        break: {
          broken: async () => {
            await on(host, byHand);
            // What a run that fails goes back to is the file as it was edited by hand.
            await remember(scene.known);
            await hangs.broken();
          },
          mended: hangs.mended,
        },
        flags: ['--timeout', '4'],
        cause: named('systemctl daemon-reload did not end within its time limit'),
      });
    },
  };
  // At every look of the run, and in the copies that it keeps: once a change is under way, and from then on.
  const silent: HostFault = {
    name: `systemctl show hangs during the change on ${host}`,
    slow: true,
    run: (scene) =>
      refused(scene, {
        fault: `systemctl show hangs during the change on ${host}`,
        break: instead(
          host,
          '/usr/bin/systemctl',
          'case "$1" in show) if ls /run/lbctl-go.* >/dev/null 2>&1 && mkdir /run/hung 2>/dev/null; then exec sleep 300; fi;; esac',
        ),
        flags: ['--timeout', '4'],
        cause: named('did not end within its time limit'),
        // What hangs is ended by itself, not with all else that its script may do.
        within: 60_000,
      }),
  };
  // Containers share the machine's clock: what the host is told of the time is wrong, the dates of files are right.
  const clocks = (['ahead', 'behind'] as const).map(
    (way): HostFault => ({
      name: `clock of ${host} a day ${way}`,
      run: async (scene) => {
        const wrong = instead(
          host,
          '/usr/bin/date',
          `case " $* " in *" -d "*) ;; *) exec "$real" -d '${way === 'ahead' ? '+' : '-'}1 day' "$@" ;; esac`,
        );
        await injure(scene, {
          fault: `clock of ${host} a day ${way}`,
          bound: 0,
          locks: 'free',
          before: wrong.broken,
          after: wrong.mended,
          judge: ({ exit, said }) => expect(exit, said).toBe(0),
        });
      },
    }),
  );
  return [
    ...disks,
    ...clocks,
    {
      name: `read-only /etc on ${host}`,
      run: (scene) =>
        refused(scene, {
          fault: `read-only /etc on ${host}`,
          break: readOnlyEtc(host),
          cause: named('Read-only file system'),
        }),
    },
    ...programs,
    ...hangs,
    deaf,
    silent,
    {
      name: `package repository down on ${host}`,
      run: async (scene) =>
        refused(scene, {
          fault: `package repository down on ${host}`,
          break: repositoryDown(host),
          broken: await edited(scene, (web) => {
            web.system = { packages: { haproxy: 'latest', keepalived: 'latest' } };
          }),
          cause: named('repomd|lab-base'),
        }),
    },
    {
      name: `port taken by another program on ${host}`,
      slow: true,
      run: async (scene) =>
        refused(scene, {
          fault: `port taken by another program on ${host}`,
          break: whenWritten(
            host,
            HAPROXY,
            's = socket.socket(); s.bind(("0.0.0.0", 8099)); s.listen(); time.sleep(40)',
          ),
          broken: await edited(scene, (web) => {
            web.haproxy.frontends.main.bind = [80, 8099];
          }),
          // Seen right before the reload: HAProxy would give the old worker's sockets up before the new one fails.
          cause: named('port 8099 is taken by python3'),
          bound: 0,
        }),
    },
    {
      name: `keepalived dies on reload on ${host}`,
      run: (scene) =>
        refused(scene, {
          fault: `keepalived dies on reload on ${host}`,
          break: instead(
            host,
            '/usr/bin/systemctl',
            ONCE('"reload keepalived"', '"$real" "$@"; sleep 0.05; pkill -KILL -x keepalived; exit 0'),
          ),
          cause: named('keepalived died on the reload'),
          // Both of its processes at once: the other host waits three adverts, and the new process comes as BACKUP.
          bound: active ? 400 : 0,
        }),
    },
    {
      name: `files of ${host} dated a day ahead`,
      run: async (scene) => {
        await injure(scene, {
          // As by a clock that was set back.
          fault: `files of ${host} dated a day ahead`,
          bound: 0,
          locks: 'free',
          before: () => on(host, `touch -d 'now + 1 day' ${HAPROXY} ${KEEPALIVED}`),
          judge: ({ exit, said }) => expect(exit, said).toBe(0),
        });
      },
    },
    {
      name: `${host} reboots hard during the run`,
      slow: true,
      run: async (scene) => {
        await injure(scene, {
          fault: `${host} reboots hard during the run`,
          // The other host hears nothing for three adverts; requests under way wait for their own time limit.
          bound: active ? 600 : 0,
          inject: async (running) => {
            await until(
              'the change is under way there',
              async () => (await on(host, 'ls /run/lbctl/undo-change 2>/dev/null; true')) || undefined,
            ).catch(() => undefined);
            await Promise.all([reboot(labHost(host), { hard: true }), running.ended]);
          },
          judge: ({ exit, said }) => {
            expect([0, 1, 4, 5], said).toContain(exit);
            // It may be back, and as it should be, before anything was lost but time.
            expect(said).toMatch(
              named('connection|reach|went away|gone back by itself|not confirmed|shutting down'),
            );
          },
        });
      },
    },
    {
      name: `port taken right after the look at it on ${host}`,
      slow: true,
      run: async (scene) =>
        refused(scene, {
          fault: `port taken right after the look at it on ${host}`,
          // HAProxy is signalled once its arguments have been looked at.
          break: instead(
            host,
            '/usr/bin/tr',
            ONCE("'\\0 \\n'", `python3 -c '${LISTENER}' </dev/null >/dev/null 2>&1 & sleep 0.5`),
          ),
          broken: await edited(scene, (web) => {
            web.haproxy.frontends.main.bind = [80, 8099];
          }),
          cause: named('(cannot bind|Address already in use|no new process of it serves)'),
          // HAProxy has given its sockets up by then: its check moves the address, and then the old file comes back.
          bound: active ? 1200 : 0,
        }),
    },
  ];
}

/** Takes a port for a while, as another program would. */
const LISTENER =
  'import socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 8099)); s.listen(); time.sleep(40)';

/** Only where hosts change together is keepalived stopped and started: the standby's. */
export const FLIP_HANGS: readonly HostFault[] = (['stop', 'start'] as const).map((verb) => ({
  name: `systemctl ${verb} hangs on lb2`,
  run: (scene) =>
    refused(scene, {
      fault: `systemctl ${verb} hangs on lb2`,
      break: instead('lb2', '/usr/bin/systemctl', ONCE(`"${verb} keepalived"`, 'exec sleep 300')),
      flags: ['--timeout', '4'],
      cause: new RegExp(`web/lb2[\\s\\S]*${verb} keepalived did not end within its time limit`),
    }),
}));

export async function wrongInterface(scene: Scene): Promise<void> {
  await refused(scene, {
    fault: 'wrong interface',
    broken: await edited(scene, (web) => {
      web.hosts.lb1.interface = 'eth9';
    }),
    cause: /eth9/,
  });
}
