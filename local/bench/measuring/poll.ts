import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats the check until it returns true. @throws after that many seconds */
export async function pollUntil(
  isSo: () => Promise<boolean>,
  { everyMilliseconds, seconds }: { everyMilliseconds: number; seconds: number },
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`The condition was not met within ${seconds} s`);
    await sleep(everyMilliseconds);
  }
}

/** Waits for a promise. @throws after that many seconds */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(seconds * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Gave up after ${seconds} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
