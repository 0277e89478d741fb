import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A package of the bench's cache, which the parent names: it is no dependency of this repository. */
export const fromCache = createRequire(join(setting('BENCH_PACKAGES'), 'package.json'));

/** @throws when the parent did not say */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** Milliseconds since 1970, with fractions: comparable between the processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

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

/** Asks every few milliseconds until it is so. The caller's time-out bounds it. */
export async function until(isSo: () => Promise<boolean>, everyMilliseconds = 10): Promise<void> {
  while (!(await isSo())) await new Promise((wake) => setTimeout(wake, everyMilliseconds));
}

/** Numbers from 0 up to below `count`, in slices. */
export function* slices(count: number, size: number): Generator<number> {
  for (let left = count; left > 0; left -= size) yield Math.min(left, size);
}
