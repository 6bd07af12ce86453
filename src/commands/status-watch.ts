import { EXIT, type ExitCode } from '../base/exit-codes.js';
import type { StatusDocument } from '../engine/documents.js';
import { useColor } from './input.js';
import type { Io, StatusOptions } from './options.js';

export interface Watching {
  readonly options: StatusOptions;
  readonly io: Io;
  /** Seconds from one look to the next. */
  readonly interval: number;
  readonly look: () => Promise<StatusDocument>;
  /** Told of the first look, and of each that differs from the one before. */
  readonly tell: Show;
}

type Show = (document: StatusDocument) => void;

/** Looks until interrupted: in place on a terminal; elsewhere what changed, one a line, or one document a line. */
export async function watchStatus({ options, io, interval, look, tell }: Watching): Promise<ExitCode> {
  const { sameStatus } = await import('../report/status-changes.js');
  const show = await shower(options, io);
  let told: StatusDocument | null = null;
  while (!io.interrupted.aborted) {
    const began = Date.now();
    const document = await untilInterrupted(look(), io.interrupted);
    // Whoever is interrupted while hosts are asked has learnt nothing from those that did not answer.
    if (document === null || io.interrupted.aborted) break;
    show(document);
    if (told === null || !sameStatus(told, document)) tell(document);
    told = document;
    await pause(Math.max(0, interval * 1000 - (Date.now() - began)), io.interrupted);
  }
  return EXIT.interrupted;
}

async function shower(options: StatusOptions, io: Io): Promise<Show> {
  if (options.json === true) return jsonShow(io);
  return io.stdout.isTTY === true ? screenShow(options, io) : lineShow(io);
}

async function jsonShow(io: Io): Promise<Show> {
  const [{ toJson }, { sameStatus }] = await Promise.all([
    import('../report/ndjson.js'),
    import('../report/status-changes.js'),
  ]);
  let last: StatusDocument | null = null;
  return (document) => {
    if (last === null || !sameStatus(last, document)) io.stdout.write(`${toJson(document)}\n`);
    last = document;
  };
}

async function lineShow(io: Io): Promise<Show> {
  const { statusChanges } = await import('../report/status-changes.js');
  let last: StatusDocument | null = null;
  return (document) => {
    const time = new Date().toISOString();
    for (const line of statusChanges(last, document)) io.stdout.write(`${time} ${line}\n`);
    last = document;
  };
}

async function screenShow(options: StatusOptions, io: Io): Promise<Show> {
  const { StatusScreen } = await import('../report/status-screen.js');
  const screen = new StatusScreen({ stream: io.stdout, color: useColor(io, options, io.stdout) });
  let redraw = (): void => undefined;
  io.stdout.on('resize', () => redraw());
  return (document) => {
    const title = `lbctl status, ${new Date().toTimeString().slice(0, 8)}; Ctrl-C ends`;
    redraw = () => screen.show(title, document);
    redraw();
  };
}

/** null where the interrupt came first. */
function untilInterrupted<T>(looking: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(null);
    signal.addEventListener('abort', end, { once: true });
    looking.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
