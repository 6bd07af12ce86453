import { readdir, readFile } from 'node:fs/promises';
import { labExec } from '../../lab/lab.js';
import { type Lb, labHost } from './hosts.js';

/**
 * Reads the word from standard input, so that it stands in no argument list itself, and looks for it in every process's
 * arguments and environment until standard input ends (or for 60 s). Prints the command lines that hold it.
 */
const WATCH = `
import os, select, sys, time
word, end, found = os.read(0, 99).strip(), time.time() + 60, set()
print("watching", flush=True)
while time.time() < end and not select.select([0], [], [], 0.02)[0]:
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        for name in ("cmdline", "environ"):
            try:
                text = open("/proc/%s/%s" % (pid, name), "rb").read()
            except OSError:
                continue
            if word in text:
                found.add((name, text[:200]))
print("found", sorted(found))
`;

/** Looks at every process of a host while `work` goes on. Returns what it found: `found []` is well. */
export async function watchProcesses<T>(host: Lb, word: string, work: Promise<T>): Promise<string> {
  const program = Buffer.from(WATCH).toString('base64');
  const stop = `/run/watch-${process.pid}`;
  // The word and a newline, then silence until the file is there: its end is the watcher's.
  const watcher = labExec(
    labHost(host),
    `{ cat; i=0; while [ ! -e ${stop} ] && [ $i -lt 600 ]; do i=$((i+1)); sleep 0.1; done; } |
       python3 -c "import base64; exec(base64.b64decode('${program}'))"; rm -f ${stop}`,
    { stdin: `${word}\n`, timeoutMs: 80_000 },
  );
  await work.catch(() => undefined);
  await labExec(labHost(host), `touch ${stop}`);
  const { stdout, stderr } = await watcher;
  return /^found .*$/m.exec(stdout)?.[0] ?? `the watcher failed: ${stdout}${stderr}`;
}

/** The same for processes of this machine: those whose arguments or environment hold the word now. */
export async function localProcessesWith(word: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.flatMap((pid) =>
      ['cmdline', 'environ'].map(async (file) => {
        const text = await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
        return text.includes(word) ? `${file}: ${text.slice(0, 200)}` : null;
      }),
    ),
  );
  return found.filter((it) => it !== null);
}
