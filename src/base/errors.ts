import type { Diagnostic } from './diagnostic.js';
import type { ExitCode } from './exit-codes.js';

/** Something the user can mend. Printed as its diagnostics, never as a stack trace. */
export class UserError extends Error {
  override readonly name = 'UserError';
  constructor(
    readonly exitCode: ExitCode,
    readonly diagnostics: readonly Diagnostic[],
  ) {
    super(diagnostics.map((d) => d.summary).join('; '));
  }
}

/** For the branches that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
