import type { RunEvent } from '../engine/events.js';
import { loadPaint } from './paint.js';

/** Tells a run to somebody. `handle` never throws and never waits; `close` comes last, also after an interrupt. */
export interface Reporter {
  handle(event: RunEvent): void;
  close(): Promise<void>;
  /** What is drawn over and over, to be put aside while somebody is asked something. */
  readonly screen?: { pause(): void; resume(): void };
}

export interface ReporterOptions {
  readonly mode: 'terminal' | 'lines' | 'json';
  readonly verbosity: 'quiet' | 'normal' | 'verbose';
  readonly color: boolean;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * The reporter for a mode. What a mode does not need is not loaded: chalk only for colours, listr2 only for live
 * tasks; a quiet run shows none, so it gets lines.
 */
export async function createReporter(options: ReporterOptions): Promise<Reporter> {
  if (options.mode === 'json') {
    const { createNdjsonReporter } = await import('./ndjson.js');
    return createNdjsonReporter(options);
  }
  const paint = await loadPaint(options);
  if (options.mode === 'lines' || options.verbosity === 'quiet') {
    const { createLinesReporter } = await import('./lines.js');
    return createLinesReporter(options, paint);
  }
  const { createTerminalReporter } = await import('./terminal.js');
  return createTerminalReporter(options, paint);
}
