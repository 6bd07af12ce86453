import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import type { ClusterPlan } from '../planning/types.js';
import { type RoomFacts, roomProbe } from '../resources/probes/room.js';
import { type Facts, UnknownFact } from '../resources/types.js';

/** KiB that packages and the metadata of their repositories take, with room to spare: 20 to 150 MiB were seen. */
const FOR_PACKAGES: Readonly<Record<string, number>> = { '/usr': 100 * 1024, '/var': 200 * 1024 };
/** KiB for configuration files, their candidates and a copy of what was there before. */
const FOR_FILES = 4 * 1024;
/** As many files as a run may write, several times over. */
const INODES = 200;
/** Seconds by which a host's clock may be off without a word. */
const CLOCK = 30;

/** When the hosts were asked and had answered, in milliseconds by the clock here. */
export interface Asked {
  readonly asked: number;
  readonly answered: number;
}

/** What hosts about to be changed lack: refused before anything is written. A wrong clock is said, and stops nothing. */
export function groundProblems(
  cluster: Cluster,
  plan: ClusterPlan,
  facts: ReadonlyMap<string, Facts>,
  asked: Asked,
): Diagnostic[] {
  return cluster.hosts.flatMap(({ name }) => {
    const changes = plan.changes.filter((it) => it.host === name).map((it) => it.change.resource);
    const own = facts.get(name);
    if (changes.length === 0 || own === undefined) return [];
    const about = { cluster: cluster.name, host: name };
    try {
      const room = own.need(roomProbe);
      return [
        ...tooFull(
          room,
          changes.some((it) => it.startsWith('package')),
        ),
        ...wrongClock(room, asked),
      ].map((it) => ({ ...it, ...about }));
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      const summary = 'how much room the host has is not known';
      return [{ severity: 'error', code: 'unknown-fact', summary, detail: error.reason, ...about }];
    }
  });
}

function tooFull({ fileSystems }: RoomFacts, installs: boolean): Diagnostic[] {
  const problems = fileSystems.flatMap((it): Diagnostic[] => {
    const needed = (installs ? FOR_PACKAGES[it.folder] : undefined) ?? (it.folder === '/usr' ? 0 : FOR_FILES);
    const where = it.mount === it.folder ? it.folder : `${it.folder} (mounted at ${it.mount})`;
    const lacks = [
      ...(it.freeKiB < needed ? [`${mebi(it.freeKiB)} free, ${mebi(needed)} are needed`] : []),
      ...(it.freeInodes !== null && needed > 0 && it.freeInodes < INODES
        ? [`${it.freeInodes} inodes free, ${INODES} are needed`]
        : []),
    ];
    return lacks.map((lack) => ({
      severity: 'error',
      code: 'disk-full',
      summary: `${where} has ${lack}`,
      hint: `\`df -h ${it.folder}\` and \`df -i ${it.folder}\` show it: make room there`,
    }));
  });
  return problems;
}

function mebi(kib: number): string {
  return `${(kib / 1024).toFixed(kib < 10 * 1024 ? 1 : 0)} MiB`;
}

function wrongClock({ clock }: RoomFacts, { asked, answered }: Asked): Diagnostic[] {
  const early = asked / 1000 - clock;
  const late = clock - answered / 1000;
  const off = Math.max(early, late);
  if (off <= CLOCK) return [];
  return [
    {
      severity: 'warning',
      code: 'clock-off',
      summary: `its clock is ${span(off)} ${early > late ? 'behind' : 'ahead of'} the one here`,
      hint: 'the pair works without it, but logs, history and the certificates that servers show are judged by it: `timedatectl` shows it, chrony or systemd-timesyncd sets it',
    },
  ];
}

function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
