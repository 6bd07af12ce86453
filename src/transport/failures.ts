import type { Diagnostic } from '../base/diagnostic.js';
import type { Host } from '../inventory/model.js';
import { TransportError, type TransportFailure } from './types.js';

interface Problem {
  readonly code: string;
  readonly summary: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** A diagnostic about one host. What a server sent may stand in it: it is made printable here. */
export function hostDiagnostic(host: Host, severity: Diagnostic['severity'], problem: Problem): Diagnostic {
  return {
    severity,
    code: problem.code,
    summary: printable(problem.summary),
    ...(problem.detail ? { detail: printable(problem.detail) } : {}),
    ...(problem.hint ? { hint: problem.hint } : {}),
    cluster: host.cluster,
    host: host.name,
  };
}

export function failure(kind: TransportFailure, host: Host, problem: Problem): TransportError {
  return new TransportError(kind, hostDiagnostic(host, 'error', problem));
}

export function aborted(host: Host): TransportError {
  return failure('aborted', host, { code: 'aborted', summary: `given up on ${host.name} on request` });
}

/** Text of a host without the control characters that would command a terminal; not longer than 2,000 characters. */
export function printable(text: string): string {
  const clean = text
    .replace(/\r\n/g, '\n')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '?')
    .trim();
  return clean.length > 2000 ? `${clean.slice(0, 2000)} …` : clean;
}

/** The `code` of a system error; empty when there is none. */
export function errorCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return '';
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
