/** Milliseconds between two looks. */
const PAUSE = 100;

/**
 * Looks again until `look` gives something other than undefined, and returns that; fails with the last error or with
 * `what` after `seconds`.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  seconds = 20,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  do {
    try {
      const found = await look();
      if (found !== undefined && found !== null) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  } while (performance.now() < deadline);
  const why = last instanceof Error ? `: ${last.message}` : '';
  throw new Error(`not within ${seconds} s: ${what}${why}`);
}
