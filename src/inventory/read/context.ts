import type { SourceSpan } from '../../base/diagnostic.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

/** What every reader has at hand. */
export interface Context {
  readonly problems: Problems;
  readonly places: Places;
  /** Absolute: relative paths in the file start here. */
  readonly baseDir: string;
  /** What `~` stands for; undefined where HOME is not set. */
  readonly home: string | undefined;
}

export interface Located<T> {
  readonly value: T;
  readonly span: SourceSpan;
}
