import { setMaxListeners } from 'node:events';
import { Argument, Command, CommanderError } from 'commander';
import { UserError } from './base/errors.js';
import { EXIT, type ExitCode } from './base/exit-codes.js';
import type {
  DownOptions,
  DrillOptions,
  GlobalOptions,
  HistoryOptions,
  Io,
  LockReleaseOptions,
  RollbackOptions,
  StatusOptions,
  SwitchoverOptions,
  UpOptions,
} from './commands/options.js';
import { guardStreams } from './report/guard-streams.js';

declare const LBCTL_VERSION: string;

const interrupt = new AbortController();
// Every connection and every running script listens to it.
setMaxListeners(0, interrupt.signal);
const io: Io = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interrupt.signal,
};

/** What the first interrupt is answered with. */
let interruptedSays: string | null =
  '\ninterrupted: the running step ends, then nothing more begins (once more: give up now)\n';

/** Set by whichever command ran; commander's own actions return nothing. */
let exit: ExitCode = EXIT.ok;

const INVENTORY = [
  '[inventory]',
  'default: $LBCTL_INVENTORY, else ./inventory.yaml; - is standard input',
] as const;

function withGlobals(command: Command): Command {
  return command
    .option('--limit <pattern>', 'only these: cluster or cluster/host, comma-separated, * allowed')
    .option('--json', 'JSON on stdout')
    .option('-v, --verbose', 'also show connections, and every step with its output')
    .option('-q, --quiet', 'only errors')
    .option('--no-color', 'no colours (also NO_COLOR)')
    .option('--parallel <n>', 'clusters at once')
    .option('--timeout <seconds>', 'for one remote step')
    .option('--lock-wait <seconds>', "how long to wait for somebody else's lock")
    .option('--log-file <file>', 'append every event to a file, as JSON lines')
    .option('--yes', 'ask no questions');
}

function withPlaybook(command: Command): Command {
  return command
    .option('--playbook <file>', "another playbook than lbctl's own")
    .option('--force', 'do what safety refused');
}

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];

function build(): Command {
  const program = commands();
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .description('the completion script of a shell; how to use it is in docs/completion.md')
    .action(async (shell: string) => {
      exit = (await import('./commands/completion.js')).completion(shell, commands(), io);
    })
    .exitOverride();
  // Asked by that script: `lbctl complete -- WORD…`
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      exit = await (await import('./commands/completion.js')).complete(words, commands(), io);
    });
  return program;
}

function commands(): Command {
  const program = new Command('lbctl')
    .description(
      'Two bare Linux machines become an HAProxy + keepalived pair that is proven to survive a failure',
    )
    .version(LBCTL_VERSION)
    .showHelpAfterError('(lbctl --help shows the commands)')
    .exitOverride();
  withPlaybook(withGlobals(program.command('up').argument(...INVENTORY)))
    .description('build or converge every cluster, standby first, then verify it')
    .option('--check', 'the same as plan')
    .option('--diff', 'print the diffs as they are applied')
    .option('--no-rollback', 'a run that fails leaves what it has changed')
    .option('--revert-after <seconds>', 'a host whose operator is gone goes back by itself (default 45)')
    .action(async (file: string | undefined, options: UpOptions) => {
      exit = await (await import('./commands/up.js')).up(file, options, io);
    });
  withPlaybook(withGlobals(program.command('plan').argument(...INVENTORY)))
    .description('what up would change, with diffs; touches nothing')
    .action(async (file: string | undefined, options: UpOptions) => {
      exit = await (await import('./commands/plan.js')).plan(file, options, io);
    });
  withGlobals(program.command('status').argument(...INVENTORY))
    .description('who holds each virtual IP, and whether the pair could take a failure right now')
    .option('--watch', 'look again and again; off a terminal only changes are printed')
    .option('--interval <seconds>', 'between two looks of --watch (default: 2)')
    .option('--playbook <file>', "compare with what this playbook does, not with lbctl's own")
    .option('--prometheus', "Prometheus's text format on stdout, for node_exporter's textfile collector")
    .action(async (file: string | undefined, options: StatusOptions) => {
      // Ctrl-C is how watching ends: there is no step to wait for.
      if (options.watch === true) interruptedSays = null;
      exit = await (await import('./commands/status.js')).status(file, options, io);
    });
  withGlobals(program.command('switchover').argument(...INVENTORY))
    .description('move the virtual IPs to the other host, planned')
    .option('--to <host>', 'which host; default: the next one in line')
    .option('--back', 'where they belong')
    .option('--force', 'do what safety refused')
    .action(async (file: string | undefined, options: SwitchoverOptions) => {
      exit = await (await import('./commands/switchover.js')).switchover(file, options, io);
    });
  withGlobals(program.command('validate').argument(...INVENTORY))
    .description('check the inventory without connecting')
    .action(async (file: string | undefined, options: GlobalOptions) => {
      exit = await (await import('./commands/validate.js')).validate(file, options, io);
    });
  program
    .command('init')
    .argument('[file]', 'default: ./inventory.yaml')
    .description('start an inventory: the smallest useful one, with comments')
    .action(async (file: string | undefined) => {
      exit = await (await import('./commands/init.js')).init(file, io);
    });
  program
    .command('schema')
    .description('the JSON Schema of an inventory, for editors')
    .action(async () => {
      exit = await (await import('./commands/schema.js')).schema(io);
    });
  withGlobals(program.command('drill').argument(...INVENTORY))
    .description('break the pair on purpose, measure what a client saw, restore it')
    .option(
      '--fault <names>',
      'only these: keepalived-stop, haproxy-stop, haproxy-restart, haproxy-kill, haproxy-hang, keepalived-kill, network-cut',
    )
    .option('--host <host>', 'the host to break (default: the active one)')
    .option('--repeat <n>', 'each fault so often')
    .option('--rate <n>', 'requests a second of the client loop (default: 100)')
    .option('--report <file>', 'write a page with timelines and figures (HTML)')
    .option('--junit <file>', 'write the outcome for CI (JUnit XML)')
    .option('--playbook <file>', "the pair is built by this playbook, not by lbctl's own")
    .action(async (file: string | undefined, options: DrillOptions) => {
      exit = await (await import('./commands/drill.js')).drill(file, options, io);
    });
  withGlobals(program.command('ping').argument(...INVENTORY))
    .description('connection, privileges and tools on every host, nothing else')
    .action(async (file: string | undefined, options: GlobalOptions) => {
      exit = await (await import('./commands/ping.js')).ping(file, options, io);
    });
  addHistory(program);
  withGlobals(program.command('down').argument(...INVENTORY))
    .description('take the pair apart: the hosts become what they were before lbctl')
    .option('--purge', 'also remove the packages that were not there before')
    .option('--force', 'go on although a host is out of reach')
    .action(async (file: string | undefined, options: DownOptions) => {
      exit = await (await import('./commands/down.js')).down(file, options, io);
    });
  addLock(program);
  for (const command of [program, ...program.commands].flatMap((it) => it.commands)) command.exitOverride();
  return program;
}

function addHistory(program: Command): void {
  withGlobals(program.command('history').argument(...INVENTORY))
    .description('what runs have changed on the hosts, with diffs')
    .option('--no-diff', 'without the diffs')
    .action(async (file: string | undefined, options: HistoryOptions) => {
      exit = await (await import('./commands/history.js')).history(file, options, io);
    });
  withGlobals(program.command('rollback').argument(...INVENTORY))
    .description('back to what the pair was before its last run, or before a run that history lists')
    .option('--to <n>', 'the run before which everything is to be as it was')
    .option('--diff', 'print the diffs as they are applied')
    .option('--force', 'do what safety refused')
    .option('--no-rollback', 'a rollback that fails leaves what it has changed')
    .option('--revert-after <seconds>', 'a host whose operator is gone goes back by itself (default 45)')
    .action(async (file: string | undefined, options: RollbackOptions) => {
      exit = await (await import('./commands/rollback.js')).rollback(file, options, io);
    });
}

function addLock(program: Command): void {
  const lock = program.command('lock').description('who is changing the clusters');
  withGlobals(lock.command('status').argument(...INVENTORY))
    .description('who holds the lock of each host, since when, and when it expires')
    .action(async (file: string | undefined, options: GlobalOptions) => {
      exit = await (await import('./commands/lock.js')).lockStatus(file, options, io);
    });
  withGlobals(lock.command('release').argument(...INVENTORY))
    .description('remove the locks that a lost run left, after saying whose they are')
    .option('--force', 'also of a run that is alive')
    .action(async (file: string | undefined, options: LockReleaseOptions) => {
      exit = await (await import('./commands/lock.js')).lockRelease(file, options, io);
    });
}

function onInterrupt(): void {
  if (interrupt.signal.aborted) {
    process.stderr.write(
      '\ninterrupted again: what the running step did is unknown; run `lbctl plan` to see what is left\n',
    );
    process.exit(EXIT.interrupted);
  }
  if (interruptedSays !== null) process.stderr.write(interruptedSays);
  interrupt.abort();
}

async function main(): Promise<ExitCode> {
  try {
    await build().parseAsync(process.argv);
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    if (error instanceof UserError) {
      const { formatDiagnostic } = await import('./report/diagnostics.js');
      for (const it of error.diagnostics) process.stderr.write(`${formatDiagnostic(it, { color: false })}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

guardStreams([process.stdout, process.stderr]);
process.on('SIGINT', onInterrupt);
process.on('SIGTERM', onInterrupt);
// Should it never come to an end, that is no success.
process.exitCode = EXIT.failed;
main().then((code) => {
  process.exitCode = code;
});
