import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';

/**
 * Runs a closed loop: for that many seconds, each client calls again after each answer.
 *
 * @returns calls per second, and the milliseconds of each call
 */
export async function closedLoop(
  { clients, seconds }: { clients: number; seconds: number },
  call: () => Promise<unknown>,
): Promise<{ perSecond: number; milliseconds: number[] }> {
  const milliseconds: number[] = [];
  const startedAt = now();
  const until = startedAt + seconds * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let sentAt = now(); sentAt < until; sentAt = now()) {
        await call();
        milliseconds.push(now() - sentAt);
      }
    }),
  );
  return { perSecond: milliseconds.length / ((now() - startedAt) / 1000), milliseconds };
}

/**
 * Runs an open loop: calls at a steady rate, without waiting for earlier answers. A call that is sent late counts from
 * its due time.
 *
 * @returns the milliseconds of each call
 */
export async function openLoop(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  call: () => Promise<unknown>,
): Promise<number[]> {
  const startedAt = now();
  const calls = Array.from({ length: perSecond * seconds }, async (_, index) => {
    const dueAt = startedAt + (index * 1000) / perSecond;
    await sleep(Math.max(0, Math.ceil(dueAt - now())));
    // If the timer fires early, the earlier time counts. Otherwise the figure would be too good.
    const sentAt = Math.min(dueAt, now());
    await call();
    return now() - sentAt;
  });
  return Promise.all(calls);
}

/** Splits `count` into slices of at most `size`. Yields the size of each slice. */
export function* slices(count: number, size: number): Generator<number> {
  for (let left = count; left > 0; left -= size) yield Math.min(left, size);
}

/** Runs the rounds one after the other. @returns their results */
export function rounds<T>(count: number, run: () => Promise<T>): Promise<T[]> {
  return Array.fromAsync({ length: count }, run);
}
