import type { Random } from './random.ts';

/** The target's behaviour for a request, as the last parts of the request's path. */
type Behaviour =
  | 'answer'
  /** Answers after this many milliseconds. */
  | `wait/${number}`
  /** Answers 500 to this many first requests of a task. */
  | `flaky/${number}`
  /** Answers 404 to the first request of a task, which fails it at once. */
  | 'missing';

/** A planned task. */
export interface PlannedTask {
  /** Undefined means a `data.process` task, which sends no request. */
  readonly behaviour?: Behaviour;
  /** Milliseconds until its due time; undefined means now. */
  readonly aheadMs?: number;
  readonly maxRetries: number;
  /** A cancel `ms` milliseconds after the creation's answer, or after the task's request has reached the target. */
  readonly cancel?: { readonly after: 'creation' | 'start'; readonly ms: number };
}

/** Number of tasks that last seconds. It is small and fixed, because each of them keeps a worker busy. */
const LONG_TASKS = 20;

const MANY = 12;

/** Shares out of 1000. */
const MIX: readonly [share: number, make: (random: Random) => PlannedTask][] = [
  [
    510,
    (random) => ({
      behaviour: 'answer',
      maxRetries: MANY,
      ...(random.chance(0.03) && { cancel: { after: 'creation', ms: random.between(0, 100) } }),
    }),
  ],
  [140, () => ({ maxRetries: MANY })],
  [
    200,
    (random) => {
      const aheadMs = random.between(300, 12_000);
      return {
        behaviour: 'answer',
        aheadMs,
        maxRetries: MANY,
        // Most cancels come before the start, some at about the start.
        ...(random.chance(0.2) && { cancel: { after: 'creation', ms: aheadMs * random.between(0, 1.1) } }),
      };
    },
  ],
  [10, () => ({ behaviour: 'answer', aheadMs: -86_400_000, maxRetries: MANY })],
  [
    80,
    (random) => ({
      behaviour: `flaky/${random.chance(0.8) ? 1 : 2}`,
      maxRetries: MANY,
      ...(random.chance(0.1) && { cancel: { after: 'start', ms: random.between(0, 2_000) } }),
    }),
  ],
  [25, () => ({ behaviour: 'missing', maxRetries: 2 })],
  // Uses up its attempts; only a person's retry completes it.
  [15, () => ({ behaviour: 'flaky/3', maxRetries: 1 })],
  [
    20,
    (random) => ({
      behaviour: `wait/${random.whole(200, 1_500)}`,
      maxRetries: MANY,
      ...(random.chance(0.5) && { cancel: { after: 'start', ms: random.between(0, 1_000) } }),
    }),
  ],
];

const TOTAL = MIX.reduce((sum, [share]) => sum + share, 0);

/** Yields the tasks of a run: the ordinary mix with long tasks spread over it. */
export function* plan(count: number, random: Random): Generator<PlannedTask> {
  const everyLong = Math.max(1, Math.floor(count / LONG_TASKS));
  for (let index = 0; index < count; index += 1) {
    yield index % everyLong === everyLong - 1
      ? {
          behaviour: `wait/${random.whole(1_500, 4_000)}`,
          maxRetries: MANY,
          ...(random.chance(0.4) && { cancel: { after: 'start', ms: random.between(0, 4_000) } }),
        }
      : ordinary(random);
  }
}

function ordinary(random: Random): PlannedTask {
  const point = random.between(0, TOTAL);
  let below = 0;
  for (const [share, make] of MIX) {
    below += share;
    if (point < below) return make(random);
  }
  return { maxRetries: MANY };
}
