import type { Result } from '../base/result.js';
import type { Context } from '../inventory/read/context.js';

/** A file of this machine; the error is one sentence without its name: `does not exist`. */
export type ReadSource = (path: string) => Result<Buffer, string>;

export interface PlaybookContext extends Context {
  readonly readSource: ReadSource;
}
