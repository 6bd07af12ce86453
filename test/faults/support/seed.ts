/** Random numbers that come again with the same seed: LBCTL_FAULT_SEED. */
export const SEED = Number(process.env.LBCTL_FAULT_SEED ?? Date.now() % 1_000_000);

/** How many random instants a fault is tried at. */
export const INSTANTS = Number(process.env.LBCTL_FAULT_INSTANTS ?? 30);

/** Numbers in [0, 1); each `name` has a sequence of its own, so that one fault alone meets the same instants. */
export function random(name: string): () => number {
  let state = SEED;
  for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x9e3779b1) >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** `count` instants below `most` milliseconds, one in each of as many equal parts: no part of a run goes untried. */
export function instants(name: string, count: number, most: number): number[] {
  const next = random(name);
  return Array.from({ length: count }, (_, index) => Math.round(((index + next()) / count) * most));
}
