/** A place in a text that a person wrote. `line` and `column` start at 1; `length` is in characters. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length?: number;
}

/**
 * One thing to tell the user. `summary` is one sentence without a trailing full stop; `detail` is what was
 * seen (a command's whole stderr, say), `hint` what to do next.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** Stable, kebab-case: scripts may match on it. */
  readonly code: string;
  readonly summary: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly source?: SourceSpan;
  readonly cluster?: string;
  readonly host?: string;
  readonly resource?: string;
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === 'error');
}
