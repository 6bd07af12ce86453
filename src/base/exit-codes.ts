/** What `lbctl` exits with; the meaning of each is part of the user's contract. */
export const EXIT = {
  ok: 0,
  failed: 1,
  changesPending: 2,
  badInput: 3,
  unreachable: 4,
  unhealthy: 5,
  locked: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const PRECEDENCE: readonly ExitCode[] = [130, 3, 1, 4, 6, 5, 2, 0];

/** Of several outcomes the one to exit with: 130, 3, 1, 4, 6, 5, 2, 0, the first that occurs. */
export function worstExit(codes: Iterable<ExitCode>): ExitCode {
  const seen = new Set(codes);
  return PRECEDENCE.find((code) => seen.has(code)) ?? EXIT.ok;
}
