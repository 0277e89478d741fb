import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import type * as store from '../../store/index.ts';
import type { Task, TaskStatus } from '../../task.ts';
import type { Row } from './row.ts';
import { type System, TOLERANCE_SECONDS } from './system.ts';

/** fast-check's model argument is unused. `System` holds the model, whose clock is the database's. */
type Step = fc.AsyncCommand<object, System>;

/*
 * All durations except those of `skip` are whole minutes, and skips are two seconds longer. So it never depends on the
 * milliseconds of a statement whether a task is due. (Two seconds, so that all skips of a run and all of its work together stay
 * within a minute.)
 */
export const LEASE_SECONDS = 600;
export const SOON_SECONDS = 300;
export const LIMIT = 1_000;

/** The fields of changed rows that database and model must agree on. */
export const compared = (
  rows: readonly (Pick<Task, 'id' | 'status' | 'attempt' | 'seq' | 'cause'> & { capped?: boolean })[],
) =>
  rows
    .map(({ id, status, attempt, seq, cause }) => ({ id, status, attempt, seq, cause }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));

export const sorted = <T extends { id: string }>(rows: readonly T[]) =>
  rows.toSorted((one, other) => (one.id < other.id ? -1 : 1));

/** Compares the released rows: equal rows, due at the same time within the tolerance. */
export function expectReleased(real: readonly store.Released[], model: readonly store.Released[]): void {
  const what = (rows: readonly store.Released[]) =>
    sorted(rows).map(({ id, organizationId, queue, suspect }) => ({ id, organizationId, queue, suspect }));
  expect(what(real)).toEqual(what(model));
  for (const [n, { dueInSeconds }] of sorted(real).entries())
    expect(Math.abs(dueInSeconds - (sorted(model)[n]?.dueInSeconds ?? 0))).toBeLessThan(TOLERANCE_SECONDS);
}

export function step(name: string, act: (system: System) => Promise<void>): Step {
  return {
    check: () => true,
    async run(_nothing, system) {
      await act(system);
      await system.compare();
    },
    toString: () => name,
  };
}

export const index = fc.nat({ max: 7 });
export const some = fc.uniqueArray(index, { minLength: 1, maxLength: 4 });
type Likely = (row: Row, now: Date) => boolean;
export const is =
  (...statuses: TaskStatus[]): Likely =>
  ({ status }) =>
    statuses.includes(status);
export const isDue: Likely = ({ status, runAt, heldBy }, now) =>
  status === 'SCHEDULED' && heldBy === null && runAt <= now;

/** Returns the id of a task: mostly of one for which the step has an effect, sometimes of any task, or of none. */
export const idOf = (system: System, at: number, likely: Likely): string => {
  const { ids, model } = system;
  const now = system.now();
  const fitting = ids.filter((id) => {
    const row = model.rows.get(id);
    return row && likely(row, now);
  });
  const among = at < 6 && fitting.length > 0 ? fitting : ids;
  return among[at % Math.max(1, among.length)] ?? uuidv7();
};
export const idsOf = (system: System, at: readonly number[], likely: Likely): string[] => [
  ...new Set(at.map((each) => idOf(system, each, likely))),
];
