import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type Lb, labHost, on, PAIR } from '../e2e/support/hosts.js';
import type { InventoryFile } from '../e2e/support/pair.js';
import { until } from '../e2e/support/until.js';
import { reboot } from '../lab/lab.js';
import { type Break, full, instead, readOnlyEtc, whenWritten } from './support/break.js';
import { injure, type Scene, setScene } from './support/scene.js';
import { printTally } from './support/tally.js';

const HAPROXY = '/etc/haproxy/haproxy.cfg';
const KEEPALIVED = '/etc/keepalived/keepalived.conf';

describe('a host fails in the middle of a change', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
  });
  afterAll(printTally);

  /** The other configuration, changed once more: for the run that is to fail. */
  async function edited(edit: (web: InventoryFile['clusters']['web']) => void): Promise<string> {
    const file = parse(await readFile(scene.other, 'utf8')) as InventoryFile;
    edit(file.clusters.web);
    const path = join(dirname(scene.other), 'edited.yaml');
    await writeFile(path, stringify(file));
    return path;
  }

  interface Refusal {
    readonly fault: string;
    readonly cause: RegExp;
    readonly break?: Break;
    readonly broken?: string;
    readonly flags?: string[];
    readonly bound?: number;
    readonly exits?: readonly number[];
  }

  const refused = async ({
    fault,
    cause,
    bound = 0,
    flags = [],
    broken,
    exits = [1],
    ...it
  }: Refusal): Promise<void> => {
    await injure(scene, {
      fault,
      bound,
      flags,
      locks: 'free',
      ...(broken === undefined ? {} : { broken }),
      ...(it.break === undefined ? {} : { before: it.break.broken, after: it.break.mended }),
      judge: ({ exit, said }) => {
        expect(exits, said).toContain(exit);
        expect(said).toMatch(cause);
      },
    });
  };

  describe.each(PAIR)('%s', (host: Lb) => {
    const named = (what: string) => new RegExp(`web/${host}[\\s\\S]*${what}`, 'i');

    it.each(['/etc/haproxy', '/etc/keepalived', '/var/lib/lbctl'])('%s is full', (folder) =>
      refused({
        fault: `disk full in ${folder} on ${host}`,
        break: full(host, folder),
        cause: named('No space left'),
      }),
    );

    it('/etc is read-only', () =>
      refused({
        fault: `read-only /etc on ${host}`,
        break: readOnlyEtc(host),
        cause: named('Read-only file system'),
      }));

    it('haproxy refuses the file', async () =>
      refused({
        fault: `haproxy refuses the file on ${host}`,
        break: instead(
          host,
          '/usr/sbin/haproxy',
          'case " $* " in *" -c "*lbctl-new*) echo "[ALERT] wont take it" >&2; exit 1;; esac',
        ),
        cause: named('wont take it'),
      }));

    it('keepalived refuses the file', async () =>
      refused({
        fault: `keepalived refuses the file on ${host}`,
        break: instead(
          host,
          '/usr/sbin/keepalived',
          'case " $* " in *lbctl-new*) echo "wont take it" >&2; exit 5;; esac',
        ),
        cause: named('wont take it'),
      }));

    it('another program takes a port after the plan', async () =>
      refused({
        fault: `port taken by another program on ${host}`,
        break: whenWritten(
          host,
          HAPROXY,
          's = socket.socket(); s.bind(("0.0.0.0", 8099)); s.listen(); time.sleep(40)',
        ),
        broken: await edited((web) => {
          web.haproxy.frontends.main.bind = [80, 8099];
        }),
        cause: named('8099'),
        // HAProxy gives the old worker's sockets up before the new one fails: until it is back nobody listens.
        bound: host === 'lb1' ? 400 : 0,
      }));

    it('keepalived dies on its reload', async () =>
      refused({
        fault: `keepalived dies on reload on ${host}`,
        break: whenWritten(
          host,
          KEEPALIVED,
          'time.sleep(0.05)\nsubprocess.call(["pkill", "-KILL", "-x", "keepalived"])',
        ),
        cause: /./,
        exits: [0, 1],
        // Both of its processes at once: the other host waits three adverts, and the new process comes as BACKUP.
        bound: host === 'lb1' ? 400 : 0,
      }));

    it('systemctl hangs on a reload', async () =>
      refused({
        fault: `systemctl hangs on ${host}`,
        break: instead(
          host,
          '/usr/bin/systemctl',
          'case "$1" in reload) if mkdir /run/hung 2>/dev/null; then exec sleep 300; fi;; esac',
        ),
        flags: ['--timeout', '8'],
        cause: named('8 s|time limit|timed out'),
      }));

    it('files are dated a day ahead, as by a clock that was set back', async () => {
      const ahead = () => on(host, `touch -d 'now + 1 day' ${HAPROXY} ${KEEPALIVED}`);
      await injure(scene, {
        fault: `files of ${host} dated a day ahead`,
        bound: 0,
        locks: 'free',
        before: ahead,
        judge: ({ exit, said }) => expect(exit, said).toBe(0),
      });
    });

    it('the host reboots', () =>
      injure(scene, {
        fault: `${host} reboots hard during the run`,
        // The other host hears nothing for three adverts; requests under way wait for their own time limit.
        bound: host === 'lb1' ? 600 : 0,
        inject: async (running) => {
          await until(
            'the change is under way there',
            async () => (await on(host, 'ls /run/lbctl/undo-change 2>/dev/null; true')) || undefined,
          ).catch(() => undefined);
          await Promise.all([reboot(labHost(host), { hard: true }), running.ended]);
        },
        judge: ({ exit, said }) => {
          expect([0, 1, 4, 5], said).toContain(exit);
        },
      }));
  });

  it('an interface that is not there', async () =>
    refused({
      fault: 'wrong interface',
      broken: await edited((web) => {
        web.hosts.lb1.interface = 'eth9';
      }),
      cause: /eth9/,
    }));
});
