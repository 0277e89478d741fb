import { expect, test } from 'vitest';
import type { MetricName } from '../../metrics.ts';
import type { TaskStatus } from '../task.ts';
import { measuringMoves } from './metrics.ts';

const DUE = new Date('2026-11-21T12:00:00Z');

function measured(status: TaskStatus, queue: 'interactive' | 'bulk' = 'interactive', attempt = 1) {
  const values: [MetricName, number][] = [];
  const row = { status, queue, attempt, runAt: DUE, startedAt: new Date(DUE.getTime() + 250) };
  const announced: object[] = [];
  const announce = (rows: readonly object[]) => void announced.push(...rows);
  measuringMoves((metric, value) => values.push([metric, value]), announce)([row]);
  expect(announced).toEqual([row]);
  return values;
}

for (const [status, metric] of [
  ['COMPLETED', 'TasksCompleted'],
  ['FAILED', 'TasksFailed'],
  ['CANCELLED', 'TasksCancelled'],
  ['SCHEDULED', 'TasksRetried'],
] as const) {
  test(`an attempt that ended in ${status} counts as ${metric}`, () =>
    expect(measured(status)).toEqual([[metric, 1]]));
}

test('a start tells how late it was, for single tasks and batches apart', () => {
  expect(measured('RUNNING')).toEqual([['InteractiveStartLateness', 250]]);
  expect(measured('RUNNING', 'bulk')).toEqual([['BulkStartLateness', 250]]);
});

test('the release of a task is not counted as a retry', () => {
  expect(measured('SCHEDULED', 'interactive', 0)).toEqual([]);
});
