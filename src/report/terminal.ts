import { Listr } from 'listr2';
import type { RunEvent } from '../engine/events.js';
import { eventLines } from './event-lines.js';
import { LiveNode } from './live-node.js';
import { LiveRenderer } from './live-renderer.js';
import { LiveTasks } from './live-tasks.js';
import type { Paint } from './paint.js';
import { formatRecap, type Summary } from './recap.js';
import type { Reporter, ReporterOptions } from './reporter.js';
import { Screen } from './screen.js';

/**
 * Live tasks on stderr; above them, and to stay, diagnostics, notices, diffs and (verbose) commands. Closing it
 * ends every task, finished or not, leaves the last frame standing and writes the recap to stdout.
 */
export function createTerminalReporter(options: ReporterOptions, paint: Paint): Reporter {
  const { verbosity, stdout, stderr } = options;
  const screen = new Screen(stderr);
  const live = startLive(screen, paint);
  let summary: Summary | undefined;
  let closed: Promise<void> | undefined;

  const finish = async (): Promise<void> => {
    await live.end();
    if (!summary) return;
    stderr.write('\n');
    stdout.write(`${formatRecap(summary, { paint, onlyFailures: false })}\n`);
  };

  return {
    screen,
    handle(event) {
      if (closed) return;
      live.tasks.handle(event);
      if (event.event === 'summary') summary = event;
      else if (isLasting(event, verbosity)) screen.above(eventLines(event, paint));
    },
    close() {
      closed ??= finish();
      return closed;
    },
  };
}

type Lasting = Exclude<RunEvent, Summary>;

/** What a task's line cannot tell. */
function isLasting(event: Lasting, verbosity: ReporterOptions['verbosity']): event is Lasting {
  if (event.event === 'task') return event.diff !== undefined && event.diff !== '';
  if (event.event === 'command') return verbosity === 'verbose';
  return event.event === 'diagnostic' || event.event === 'notice';
}

/** One Listr task for the whole run, which ends when it is told to; what happens meanwhile hangs below it. */
function startLive(screen: Screen, paint: Paint) {
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const list = new Listr<unknown, typeof LiveRenderer, typeof LiveRenderer>([{ task: () => finished }], {
    renderer: LiveRenderer,
    rendererOptions: { screen, paint },
    registerSignalListeners: false,
    exitOnError: false,
  });
  const [root] = list.tasks;
  if (root === undefined) throw new Error('Listr did not add the task');
  const node = new LiveNode(root);
  const run = list.run();
  return {
    tasks: new LiveTasks(node),
    async end(): Promise<void> {
      for (const cluster of node.children) cluster.interrupt();
      finish();
      await run;
    },
  };
}
