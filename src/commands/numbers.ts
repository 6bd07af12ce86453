import { wholeNumber } from './input.js';
import type { GlobalOptions } from './options.js';

/** Clusters worked on at once where `--parallel` does not say. */
const DEFAULT_PARALLEL = 10;

/** `--parallel`. @throws UserError */
export function parallelOf(options: GlobalOptions): number {
  return wholeNumber('--parallel', options.parallel, { min: 1, max: 1000 }) ?? DEFAULT_PARALLEL;
}

/** `--timeout`: seconds for one remote step. @throws UserError */
export function stepLimitOf(options: GlobalOptions): number | undefined {
  return wholeNumber('--timeout', options.timeout, { min: 1, max: 86_400 });
}

/** `--lock-wait`: seconds. @throws UserError */
export function lockWaitOf(options: GlobalOptions): number {
  return wholeNumber('--lock-wait', options.lockWait, { min: 0, max: 86_400 }) ?? 0;
}

/** A wrong number is a mistake also where a command has no use for it. @throws UserError */
export function checkNumbers(options: GlobalOptions): void {
  parallelOf(options);
  stepLimitOf(options);
  lockWaitOf(options);
}
