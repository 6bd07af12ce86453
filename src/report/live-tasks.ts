import { ListrTaskState } from 'listr2';
import type { FaultState, RunEvent } from '../engine/events.js';
import type { LiveNode } from './live-node.js';
import { count, countChanges, duration, exact, hostList, isHandler } from './words.js';

const { STARTED, COMPLETED, FAILED, SKIPPED } = ListrTaskState;

type EventOf<Name extends RunEvent['event']> = Extract<RunEvent, { event: Name }>;

const TASK_STATE = { running: STARTED, done: COMPLETED, failed: FAILED, 'not-run': SKIPPED, unknown: FAILED };
const GATE_STATE = { waiting: STARTED, passed: COMPLETED, failed: FAILED };

const FAULT_STATE: Partial<Record<FaultState, ListrTaskState>> = {
  restored: COMPLETED,
  failed: FAILED,
  impossible: FAILED,
};
const FAULT_WORDS: Readonly<Record<FaultState, string>> = {
  arming: 'arming the undo',
  made: 'broken',
  noticed: 'noticed',
  'taken-over': 'taken over',
  undoing: 'undone, waiting for a healthy pair',
  restored: 'restored',
  failed: 'failed',
  impossible: 'cannot be made',
};

/** Turns events into tasks below `root`: clusters, their phases and plays, the hosts of these, and their steps. */
export class LiveTasks {
  /** By cluster: the play that is under way. */
  readonly #plays = new Map<string, { readonly name: string; readonly node: LiveNode }>();

  constructor(private readonly root: LiveNode) {}

  handle(event: RunEvent): void {
    switch (event.event) {
      case 'run':
        for (const { name } of event.clusters) this.#cluster(name);
        break;
      case 'phase':
        this.#phase(event);
        break;
      case 'plan':
        this.#stage(event.cluster, 'plan').become(COMPLETED, `plan: ${countChanges(event.changes)}`);
        break;
      case 'task':
        this.#task(event);
        break;
      case 'gate':
        this.#gate(event);
        break;
      case 'fault':
        this.#fault(event);
        break;
      case 'summary':
        this.#summary(event);
        break;
    }
  }

  #cluster(name: string): LiveNode {
    const node = this.root.child(name, name);
    if (!node.task.hasFinalized()) node.become(STARTED);
    return node;
  }

  #stage(cluster: string, name: string, key = name): LiveNode {
    return this.#cluster(cluster).child(key, name);
  }

  /** The plays stand for the phase `apply`, unless it fails. */
  #phase({ cluster, phase, state, detail }: EventOf<'phase'>): void {
    if (phase === 'apply') {
      if (state !== 'started') this.#endPlay(cluster);
      const isTold = this.#cluster(cluster).children.some((stage) => stage.task.hasFailed());
      if (state !== 'failed' || (isTold && detail === undefined)) return;
    }
    const stage = this.#stage(cluster, phase);
    const said = detail === undefined ? phase : `${phase}: ${detail}`;
    if (state === 'started') stage.become(STARTED);
    else if (state === 'done') stage.become(COMPLETED, `${said} (${duration(stage.age)})`);
    else stage.become(FAILED, detail === undefined ? `${phase}: failed` : said);
  }

  #task(event: EventOf<'task'>): void {
    const { cluster, play, host, resource, state } = event;
    const current = this.#plays.get(cluster);
    if (current?.name !== play) this.#endPlay(cluster);
    const stage = this.#stage(cluster, play, `play ${play}`);
    this.#plays.set(cluster, { name: play, node: stage });
    stage.become(STARTED);
    const name = event.title === '' ? resource : event.title;
    const hostNode = stage.child(`host ${host}`, host);
    const step = hostNode.child(`${isHandler(resource) ? 'handler' : 'task'} ${resource}`, name);
    const time = event.duration_ms === undefined ? '' : ` (${duration(event.duration_ms)})`;
    const outcome = {
      running: '',
      done: '',
      failed: ': failed',
      'not-run': ': not run',
      unknown: ': outcome unknown',
    };
    step.become(TASK_STATE[state], name + outcome[state] + time);
    settle(hostNode);
  }

  #gate({ cluster, host, gate, state, detail }: EventOf<'gate'>): void {
    const stage = this.#plays.get(cluster)?.node ?? this.#stage(cluster, `gate ${gate}`);
    const parent = host === null ? stage : stage.child(`host ${host}`, host);
    const title = detail === undefined ? `gate ${gate}` : `gate ${gate}: ${detail}`;
    parent.child(`gate ${gate}`, title).become(GATE_STATE[state], title);
    if (host !== null) settle(parent);
    if (!this.#plays.has(cluster)) settle(stage);
  }

  #fault({ cluster, host, fault, repetition, state, at_ms, detail }: EventOf<'fault'>): void {
    const name = `${fault} on ${host}${repetition > 1 ? ` (${repetition})` : ''}`;
    const stage = this.#stage(cluster, name, `fault ${fault} ${repetition}`);
    const said = { ...FAULT_WORDS, 'taken-over': `taken over by ${detail} after ${exact(at_ms ?? 0)}` }[
      state
    ];
    stage.become(FAULT_STATE[state] ?? STARTED, `${name}: ${said}`);
  }

  /** No event ends a play: the next play does, or the end of the phase. */
  #endPlay(cluster: string): void {
    const play = this.#plays.get(cluster);
    if (play === undefined) return;
    this.#plays.delete(cluster);
    const { name, node } = play;
    const hosts = node.children.filter((host) => changedSteps(host) > 0);
    const changed = hosts.reduce((sum, host) => sum + changedSteps(host), 0);
    const names = hostList(hosts.map((host) => host.task.initialTitle ?? ''));
    const what = changed === 0 ? 'nothing changed' : `${count(changed, 'change')} on ${names}`;
    const outcome = outcomeOf(node);
    node.become(outcome, `${name}: ${outcome === FAILED ? 'failed, ' : ''}${what} (${duration(node.age)})`);
  }

  #summary({ clusters }: EventOf<'summary'>): void {
    for (const [name, { ok, state, error }] of Object.entries(clusters)) {
      this.#endPlay(name);
      const node = this.#cluster(name);
      for (const child of node.children) child.interrupt();
      const said = error ?? state;
      node.become(ok ? COMPLETED : FAILED, said === null ? name : `${name}: ${said}`);
    }
  }
}

function changedSteps(host: LiveNode): number {
  return host.keys.filter((key) => key.startsWith('task ') && host.get(key)?.state === COMPLETED).length;
}

/** A task is under way while one below it is, and failed when one below it has. */
function settle(node: LiveNode): void {
  node.become(node.children.some((child) => child.task.isStarted()) ? STARTED : outcomeOf(node));
}

function outcomeOf(node: LiveNode): ListrTaskState {
  if (node.children.some((child) => child.task.hasFailed())) return FAILED;
  return node.children.some((child) => child.task.isStarted() || child.task.isSkipped())
    ? SKIPPED
    : COMPLETED;
}
