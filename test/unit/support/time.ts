import { vi } from 'vitest';

/** Waits for something that waits itself, without waiting: every pause is over at once. */
export async function hurried<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  try {
    let done = false;
    const result = work().finally(() => {
      done = true;
    });
    result.catch(() => undefined);
    while (!done) await vi.advanceTimersByTimeAsync(100);
    return await result;
  } finally {
    vi.useRealTimers();
  }
}
