import type { Sample } from './samples.js';
import type { Aim } from './target.js';

/** Milliseconds that a client waits for an answer. */
export const REQUEST_TIMEOUT = 1000;

export interface ProberInput {
  readonly aim: Aim;
  /** Requests a second. */
  readonly rate: number;
}

/** A client loop that runs until it is stopped. */
export interface Prober {
  /** For people: what asks and from where. */
  readonly description: string;
  /** In the order in which requests ended, times by our clock. It grows. */
  readonly samples: readonly Sample[];
  /** Why it asks no more; null while it does. */
  failure(): string | null;
  stop(): void;
}
