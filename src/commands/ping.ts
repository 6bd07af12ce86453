import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { raw } from '../base/shell.js';
import type { PingDocument, PingHost } from '../engine/documents.js';
import type { Host } from '../inventory/model.js';
import { type Transport, TransportError } from '../transport/types.js';
import { chooseClusters, inventoryPath, load, useColor } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, parallelOf, stepLimitOf } from './numbers.js';
import type { GlobalOptions, Io } from './options.js';
import { emitToStderr, openTransport } from './run.js';

/** What lbctl runs on a host and no package of its own brings, by the package that has it (on EL and Debian alike). */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  bash: ['sh', 'bash'],
  coreutils: [
    'timeout',
    'head',
    'tail',
    'tee',
    'base64',
    'stat',
    'install',
    'sha256sum',
    'sort',
    'df',
    'mktemp',
  ],
  findutils: ['find'],
  grep: ['grep'],
  sed: ['sed'],
  'awk (gawk, mawk)': ['awk'],
  'util-linux': ['flock', 'setsid'],
  'iproute2 (iproute)': ['ip', 'ss'],
  systemd: ['systemctl', 'systemd-run', 'journalctl'],
};
const PACKAGE_MANAGERS = ['dnf', 'yum', 'apt-get'] as const;
const LIMIT = 20;

/** `lbctl ping`: connection, privileges and tools on every host; nothing else. */
export async function ping(argument: string | undefined, options: GlobalOptions, io: Io): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, { ...options, quiet: true });
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  checkNumbers(options);
  const limit = pLimit(parallelOf(options));
  const seconds = stepLimitOf(options) ?? LIMIT;
  const log = openLogFile(options);
  const emit = withLog(log, emitToStderr(io));
  const transport = await openTransport(io, { inventory: loaded.inventory, options, emit });
  const clusters = await Promise.all(
    chosen.map(({ cluster, limit: names }) =>
      limit(async () => {
        const hosts = cluster.hosts.filter((host) => names === null || names.has(host.name));
        return {
          name: cluster.name,
          hosts: await Promise.all(hosts.map((host) => ask(host, transport, seconds, io.interrupted))),
        };
      }),
    ),
  );
  log({ event: 'ping', inventory: path, clusters });
  await print({ clusters }, options, io);
  const exits = clusters.flatMap((cluster) => cluster.hosts.map(exitOf));
  return worstExit([...exits, ...(io.interrupted.aborted ? [EXIT.interrupted] : [])]);
}

function exitOf({ reachable, root, problem }: PingHost): ExitCode {
  if (!reachable || !root) return EXIT.unreachable;
  return problem === null ? EXIT.ok : EXIT.failed;
}

const SCRIPT = raw(`for tool in ${Object.values(TOOLS).flat().join(' ')}; do
  command -v "$tool" >/dev/null 2>&1 || echo "missing $tool"
done
for manager in ${PACKAGE_MANAGERS.join(' ')}; do
  command -v "$manager" >/dev/null 2>&1 && { echo "manager $manager"; break; }
done
[ -d /run/systemd/system ] || echo "missing systemd"
[ ! -r /etc/os-release ] || ( . /etc/os-release; echo "system $PRETTY_NAME" )
echo "uid $(id -u)"`);

async function ask(
  host: Host,
  transport: Transport,
  seconds: number,
  signal: AbortSignal,
): Promise<PingHost> {
  const started = performance.now();
  const about = { name: host.name, address: host.address };
  const nothing = { reachable: false, root: false, missing: [], system: null, package_manager: null };
  const took = () => ({ duration_ms: Math.round(performance.now() - started) });
  try {
    const session = await transport.connect(host, signal);
    try {
      const { stdout, stderr, timedOut } = await session.run(SCRIPT, {
        limit: seconds,
        signal,
        repeatable: true,
      });
      return {
        ...about,
        reachable: true,
        ...read(stdout, timedOut ? 'it took too long' : stderr),
        ...took(),
      };
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const { code, summary, detail, hint } = error.diagnostic;
    const message = [summary, detail, hint].filter(Boolean).join('\n');
    const problem = { code, message };
    // One that every script needs to be started at all.
    const lacks = code === 'tool-missing' ? /\S+$/.exec(summary)?.[0] : undefined;
    if (lacks !== undefined)
      return { ...about, ...nothing, reachable: true, root: true, missing: [lacks], ...took(), problem };
    const reachable = error.failure === 'privileges';
    return { ...about, ...nothing, reachable, ...took(), problem };
  }
}

function read(
  stdout: string,
  stderr: string,
): Omit<PingHost, 'name' | 'address' | 'reachable' | 'duration_ms'> {
  const values = (name: string) =>
    [...stdout.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map((match) => match[1] ?? '');
  const root = values('uid')[0] === '0';
  const package_manager = values('manager')[0] ?? null;
  const none = PACKAGE_MANAGERS.join(' or ');
  const missing = [...values('missing'), ...(package_manager === null ? [none] : [])];
  const said = { root, missing, package_manager, system: values('system')[0] ?? null };
  if (values('uid').length === 0) {
    const message = `the host did not answer: ${stderr.trim()}`;
    return { ...said, missing: [], problem: { code: 'no-answer', message } };
  }
  if (!root) return { ...said, problem: { code: 'not-root', message: 'scripts do not run as root there' } };
  const packages = Object.keys(TOOLS).filter((name) => TOOLS[name]?.some((tool) => missing.includes(tool)));
  const bringing = packages.length === 0 ? '' : `; install what brings them: ${packages.join(', ')}`;
  const message = `not there: ${missing.join(', ')}${bringing}`;
  return { ...said, problem: missing.length === 0 ? null : { code: 'tool-missing', message } };
}

async function print(document: PingDocument, options: GlobalOptions, io: Io): Promise<void> {
  if (options.json === true) {
    const { toJson } = await import('../report/ndjson.js');
    io.stdout.write(`${toJson(document, 2)}\n`);
    return;
  }
  const bad = document.clusters.filter((it) => it.hosts.some((host) => host.problem !== null));
  const shown = options.quiet === true ? bad : document.clusters;
  if (shown.length === 0) return;
  const { formatPing } = await import('../report/ping.js');
  io.stdout.write(`${formatPing({ clusters: shown }, { color: useColor(io, options, io.stdout) })}\n`);
}
