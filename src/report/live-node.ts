import { Listr, type ListrTaskObject, ListrTaskState } from 'listr2';
import type { LiveRenderer } from './live-renderer.js';
import { oneLine } from './sanitize.js';

type LiveTask = ListrTaskObject<unknown, typeof LiveRenderer, typeof LiveRenderer>;

/** One Listr task whose state and title are set from outside: Listr shows it, and runs nothing in it. */
export class LiveNode {
  readonly #children = new Map<string, LiveNode>();
  readonly #startedAt = performance.now();

  constructor(readonly task: LiveTask) {}

  get state(): ListrTaskState {
    return this.task.state;
  }

  get children(): readonly LiveNode[] {
    return [...this.#children.values()];
  }

  /** Milliseconds since the task was first heard of. */
  get age(): number {
    return performance.now() - this.#startedAt;
  }

  get keys(): readonly string[] {
    return [...this.#children.keys()];
  }

  get(key: string): LiveNode | undefined {
    return this.#children.get(key);
  }

  /** The subtask of that key; it is added where there is none. */
  child(key: string, title: string): LiveNode {
    const known = this.#children.get(key);
    if (known) return known;
    const list = new Listr<unknown, typeof LiveRenderer, typeof LiveRenderer>(
      [{ title: oneLine(title), task: () => undefined }],
      { registerSignalListeners: false },
      this.task,
    );
    this.task.subtasks = [...(this.task.subtasks ?? []), ...list.tasks];
    const [task] = list.tasks;
    if (task === undefined) throw new Error('Listr did not add the task');
    const node = new LiveNode(task);
    this.#children.set(key, node);
    return node;
  }

  become(state: ListrTaskState, title?: string): void {
    if (title !== undefined) this.task.title$ = oneLine(title);
    this.task.state$ = state;
  }

  /** Ends what is still under way below and at this task. */
  interrupt(): void {
    for (const child of this.children) child.interrupt();
    if (this.task.isStarted()) this.become(ListrTaskState.SKIPPED, `${this.task.title ?? ''}: interrupted`);
  }
}
