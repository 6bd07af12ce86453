import { type ListrRenderer, Spinner } from 'listr2';
import { lastFrame, liveFrame, type TaskView } from './live-frame.js';
import type { Paint } from './paint.js';
import type { Screen } from './screen.js';

/** Milliseconds between two frames. */
const FRAME_TIME = 80;

interface LiveOptions {
  readonly screen: Screen;
  readonly paint: Paint;
}

/**
 * Listr's tasks on a screen that we own. Its default renderer takes stdout and stderr over, asks stdout for the
 * width of stderr, cannot write above its tasks, and brings signal handlers along.
 */
export class LiveRenderer implements ListrRenderer {
  /** Whether there is a terminal was decided before; Listr would ask stdout. */
  static nonTTY = true;
  static rendererOptions = {};
  static rendererTaskOptions = {};
  readonly #spinner = new Spinner();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly tasks: readonly TaskView[],
    private readonly options: LiveOptions,
  ) {}

  readonly render = (): void => {
    this.#timer = setInterval(() => {
      this.#spinner.spin();
      const rows = Math.max(1, this.options.screen.rows - 1);
      this.options.screen.draw(liveFrame(this.#clusters(), this.#frameOptions(rows)));
    }, FRAME_TIME);
    this.#timer.unref();
  };

  readonly end = (): void => {
    clearInterval(this.#timer);
    const { screen } = this.options;
    screen.draw(lastFrame(this.#clusters(), this.#frameOptions(screen.rows)));
    screen.leave();
  };

  /** The one task at the root has no title: it stands for the run. */
  #clusters(): readonly TaskView[] {
    return this.tasks.flatMap((task) => task.subtasks ?? []);
  }

  #frameOptions(rows: number) {
    const { screen, paint } = this.options;
    return { rows, columns: screen.columns, spinner: this.#spinner.fetch(), paint };
  }
}
