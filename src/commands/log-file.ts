import { openSync, writeSync } from 'node:fs';
import type { RunEvent } from '../engine/events.js';
import { wrongFlag } from './input.js';
import type { GlobalOptions } from './options.js';

/** One line of the log; what it holds besides is what `--json` prints. */
export type LogEntry = { readonly event: string } & Readonly<Record<string, unknown>>;

/**
 * `--log-file`: what is written is appended with its time, one JSON object a line, readable by its owner only. Without the
 * flag nothing is written anywhere. @throws UserError
 */
export function openLogFile({ logFile }: GlobalOptions): (entry: LogEntry) => void {
  if (logFile === undefined) return () => undefined;
  let file: number;
  try {
    file = openSync(logFile, 'a', 0o600);
  } catch (error) {
    throw wrongFlag(
      'log-file',
      `--log-file ${logFile} cannot be written: ${error instanceof Error ? error.message : error}`,
    );
  }
  return (entry) => void writeSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
}

/** Every event goes to the log as well. */
export function withLog(log: (entry: LogEntry) => void, emit: (event: RunEvent) => void): typeof emit {
  return (event) => {
    log(event);
    emit(event);
  };
}
