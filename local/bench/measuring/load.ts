import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';

/**
 * A closed loop: each client calls again when it was answered, for that many seconds.
 *
 * @returns calls per second, and how long each took
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
 * An open loop: calls at a steady rate, whether the earlier ones were answered or not. A call that is sent late counts
 * from when it was to be sent.
 *
 * @returns how long each took
 */
export async function openLoop(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  call: () => Promise<unknown>,
): Promise<number[]> {
  const startedAt = now();
  const calls = Array.from({ length: perSecond * seconds }, async (_, index) => {
    const dueAt = startedAt + (index * 1000) / perSecond;
    await sleep(Math.max(0, Math.ceil(dueAt - now())));
    // A timer that fires early must not flatter the figure.
    const sentAt = Math.min(dueAt, now());
    await call();
    return now() - sentAt;
  });
  return Promise.all(calls);
}

/** Sizes of the slices that so many things are handed over in. */
export function* slices(count: number, size: number): Generator<number> {
  for (let left = count; left > 0; left -= size) yield Math.min(left, size);
}
