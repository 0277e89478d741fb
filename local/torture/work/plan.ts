import type { Random } from './random.ts';

/** What the target does with a request, as the last parts of its path. */
type Behaviour =
  | 'answer'
  /** Answers after so many milliseconds. */
  | `wait/${number}`
  /** Answers 500 to the first so many requests of a task. */
  | `flaky/${number}`
  /** Answers 404 to the first request of a task, which fails it at once. */
  | 'missing';

/** A task that is going to be asked for. */
export interface PlannedTask {
  /** Undefined: a `data.process`, which reaches nobody. */
  readonly behaviour?: Behaviour;
  /** Until its time; undefined for now. */
  readonly aheadMs?: number;
  readonly maxRetries: number;
  /** A cancel is sent so long after the creation was acknowledged, or after the task's request has reached the target. */
  readonly cancel?: { readonly after: 'creation' | 'start'; readonly ms: number };
}

/** Tasks of seconds are few, whatever the number of all: each of them keeps a worker busy. */
const LONG_TASKS = 20;

const MANY = 12;

/** Shares of 1000. */
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
        // Most before the start, some just about then.
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
  // Uses its attempts up, and needs a person.
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

/** The tasks of a run: the ordinary mix, with the long ones spread over it. */
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
