import { displayWidth, truncate } from './columns.js';
import type { Paint } from './paint.js';
import type { FrameLine } from './screen.js';

/** What a frame shows of a Listr task; `state` is a ListrTaskState, or `MORE` for what is left out. */
export interface TaskView {
  readonly title?: string;
  readonly state: string;
  readonly subtasks?: readonly TaskView[];
}

interface FrameOptions {
  readonly rows: number;
  readonly columns: number;
  /** What stands before a running task. */
  readonly spinner: string;
  readonly paint: Paint;
}

type Painted = (task: TaskView, depth: number, suffix?: string) => FrameLine;

type View = (cluster: TaskView, paint: Painted, hosts: number) => FrameLine[];

/**
 * From everything to the least; the first that fits the terminal is shown. Where only some of the active hosts
 * would fit, a view needs room for `hosts` of each stage, else the next one is tried.
 */
const VIEWS: readonly { readonly view: View; readonly hosts: number }[] = [
  { view: allSteps, hosts: Number.POSITIVE_INFINITY },
  { view: stagesAndHosts, hosts: 4 },
  { view: runningOnly, hosts: 1 },
  { view: clusterOnly, hosts: 0 },
];

/** The clusters as lines: cluster, stages, hosts, steps, as much of it as fits into `rows`. */
export function liveFrame(clusters: readonly TaskView[], options: FrameOptions): FrameLine[] {
  const paint = painter(options);
  const draw = (view: View, hosts: number) => clusters.flatMap((cluster) => view(cluster, paint, hosts));
  const busyStages = Math.max(
    1,
    clusters.flatMap(below).filter((stage) => below(stage).some(isActive)).length,
  );
  for (const { view, hosts } of VIEWS) {
    const whole = draw(view, Number.POSITIVE_INFINITY);
    if (whole.length <= options.rows) return whole;
    // Each busy stage has one line that counts the hosts left out.
    const room = Math.floor((options.rows - draw(view, 0).length) / busyStages);
    if (room >= hosts) return draw(view, room);
  }
  const order = [...clusters].sort((a, b) => Number(isRunning(b)) - Number(isRunning(a)));
  const shown = order.slice(0, Math.max(0, options.rows - 1)).flatMap((c) => clusterOnly(c, paint));
  return [...shown, paint({ title: `${clusters.length - shown.length} more clusters`, state: 'MORE' }, 0)];
}

/** What stays after the end: each stage in one line, and what failed; of many clusters, only the failed ones' stages. */
export function lastFrame(clusters: readonly TaskView[], options: FrameOptions): FrameLine[] {
  const paint = painter(options);
  const lines = clusters.flatMap((cluster) => withFailures(cluster, paint, 0));
  if (lines.length <= options.rows) return lines;
  return clusters.flatMap((cluster) =>
    cluster.state === 'COMPLETED' ? [paint(cluster, 0)] : withFailures(cluster, paint, 0),
  );
}

function allSteps(cluster: TaskView, paint: Painted): FrameLine[] {
  const stages = below(cluster).flatMap((stage) => [
    paint(stage, 1),
    ...(isRunning(stage) ? below(stage).flatMap((host) => tree(host, paint, 2)) : failures(stage, paint, 2)),
  ]);
  return [paint(cluster, 0), ...stages];
}

function stagesAndHosts(cluster: TaskView, paint: Painted, hosts: number): FrameLine[] {
  const stages = below(cluster).flatMap((stage) => [paint(stage, 1), ...hostLines(stage, paint, hosts)]);
  return [paint(cluster, 0), ...stages];
}

function runningOnly(cluster: TaskView, paint: Painted, hosts: number): FrameLine[] {
  if (!isRunning(cluster)) return [paint(cluster, 0)];
  const stages = below(cluster).filter(isActive);
  return [
    paint(cluster, 0),
    ...stages.flatMap((stage) => [paint(stage, 1), ...hostLines(stage, paint, hosts)]),
  ];
}

function clusterOnly(cluster: TaskView, paint: Painted): FrameLine[] {
  const stage = below(cluster).findLast(isRunning);
  if (!isRunning(cluster) || stage === undefined) return [paint(cluster, 0)];
  const hosts = below(stage).filter(isRunning);
  const [only] = hosts;
  const who =
    hosts.length === 1 && only ? `: ${hostTitle(only)}` : hosts.length > 1 ? `: ${hosts.length} hosts` : '';
  return [paint(cluster, 0, `: ${stage.title ?? ''}${who}`)];
}

/** At most `limit` of the hosts that run or have failed, and how many more there are. */
function hostLines(stage: TaskView, paint: Painted, limit: number): FrameLine[] {
  const active = below(stage).filter(isActive);
  const failedFirst = [...active.filter(hasFailed), ...active.filter(isRunning)];
  const shown = active.length > limit ? failedFirst.slice(0, limit) : active;
  const lines = shown.map((host) => paint({ title: hostTitle(host), state: host.state }, 2));
  const rest = active.length - shown.length;
  return rest === 0 ? lines : [...lines, paint({ title: `${rest} more hosts`, state: 'MORE' }, 2)];
}

/** `lb1: HAProxy configuration`: a host and the step that it is at, or that failed. */
function hostTitle(host: TaskView): string {
  const step = below(host).find(hasFailed) ?? below(host).findLast(isRunning);
  return step ? `${host.title ?? ''}: ${step.title ?? ''}` : (host.title ?? '');
}

function tree(task: TaskView, paint: Painted, depth: number): FrameLine[] {
  return [paint(task, depth), ...below(task).flatMap((child) => tree(child, paint, depth + 1))];
}

function withFailures(cluster: TaskView, paint: Painted, depth: number): FrameLine[] {
  const stages = below(cluster).flatMap((stage) => [
    paint(stage, depth + 1),
    ...failures(stage, paint, depth + 2),
  ]);
  return [paint(cluster, depth), ...stages];
}

/** What did not go well below a task. */
function failures(task: TaskView, paint: Painted, depth: number): FrameLine[] {
  return below(task)
    .filter((child) => hasFailed(child) || child.state === 'SKIPPED')
    .flatMap((child) => [paint(child, depth), ...failures(child, paint, depth + 1)]);
}

function below(task: TaskView): readonly TaskView[] {
  return task.subtasks ?? [];
}

function isRunning(task: TaskView): boolean {
  return task.state === 'STARTED';
}

function isActive(task: TaskView): boolean {
  return isRunning(task) || hasFailed(task);
}

function hasFailed(task: TaskView): boolean {
  return task.state === 'FAILED';
}

/** Every line takes one row of the terminal: it is cut before it is coloured, and stays off the last column. */
function painter({ columns, spinner, paint }: FrameOptions): Painted {
  return (task, depth, suffix = '') => {
    const indent = '  '.repeat(depth);
    const title = truncate((task.title ?? '') + suffix, columns - indent.length - 3);
    const width = indent.length + 2 + displayWidth(title);
    return {
      text: `${indent}${icon(task, spinner, paint)} ${depth === 0 ? paint.bold(title) : title}`,
      width,
    };
  };
}

function icon(task: TaskView, spinner: string, paint: Paint): string {
  switch (task.state) {
    case 'STARTED':
      return paint.yellow(spinner);
    case 'COMPLETED':
      return paint.green('✔');
    case 'FAILED':
      return paint.red('✖');
    case 'SKIPPED':
      return paint.yellow('↓');
    case 'MORE':
      return paint.dim('…');
    default:
      return paint.dim('·');
  }
}
