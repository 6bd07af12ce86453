import { err, ok } from '../../base/result.js';
import { raw } from '../../base/shell.js';
import type { Probe } from '../types.js';

export interface FileSystemRoom {
  /** The folder that was asked about. */
  readonly folder: string;
  /** Where its file system is mounted. */
  readonly mount: string;
  readonly freeKiB: number;
  /** null: the file system counts none (btrfs), or this df does not tell. */
  readonly freeInodes: number | null;
}

export interface RoomFacts {
  readonly fileSystems: readonly FileSystemRoom[];
  /** Seconds since the epoch, by the host's clock when it was asked. */
  readonly clock: number;
}

/** Where packages and lbctl's own files go. */
export const FOLDERS = ['/etc', '/usr', '/var', '/run'] as const;

/** What a change needs of a host before it begins: space, inodes, and a clock that is right. */
export const roomProbe: Probe<RoomFacts> = {
  key: 'room',
  script: raw(`clock=\${BASH_VERSION:+\${EPOCHSECONDS:-}}
echo "clock \${clock:-$(date +%s)}"
df -Pk ${FOLDERS.join(' ')} || exit 1
echo inodes
df -Pi ${FOLDERS.join(' ')} 2>/dev/null
exit 0`),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`\`df\` failed with exit code ${exitCode}: ${stderr.trim()}`);
    const clock = /^clock (\d+)$/m.exec(stdout)?.[1];
    if (clock === undefined) return err('`date +%s` printed no number');
    const [blocks = '', inodes = ''] = stdout.split(/^inodes$/m);
    const free = rows(blocks);
    if (free.length !== FOLDERS.length) return err(`\`df -Pk\` printed ${free.length} lines`);
    const counted = rows(inodes);
    return ok({
      clock: Number(clock),
      fileSystems: FOLDERS.map((folder, index) => {
        const own = counted.length === FOLDERS.length ? counted[index] : undefined;
        return {
          folder,
          mount: free[index]?.mount ?? folder,
          freeKiB: free[index]?.available ?? 0,
          freeInodes: own === undefined || own.total === 0 ? null : own.available,
        };
      }),
    });
  },
};

/** POSIX df: file system, total, used, available, percentage, mount point; one line for each folder asked about. */
function rows(text: string): { total: number; available: number; mount: string }[] {
  return [...text.matchAll(/^\S.*?\s+(\d+|-)\s+(?:\d+|-)\s+(-?\d+|-)\s+(?:\d+%|-)\s+(\/.*)$/gm)].map(
    ([, total, available, mount = '']) => ({
      total: Number(total) || 0,
      available: Number(available) || 0,
      mount,
    }),
  );
}
