import type { DispatchSettings, Outcome, TaskStatus } from '../../task.ts';
import type { ModelRows } from './model-rows.ts';
import { later, nextDispatch, type Row } from './row.ts';

/** Starts the next attempt. */
export function start(rows: ModelRows, row: Row, leaseSeconds: number): Row {
  const now = rows.now();
  return rows.write('claim', row, {
    ...{
      status: 'RUNNING',
      dispatches: 0,
      attempt: row.attempt + 1,
      startedAt: now,
      leaseUntil: later(now, leaseSeconds),
    },
    ...{ nextDispatchAt: null, heldBy: null, progress: null },
  });
}

/** Records the outcome of a running attempt. */
export function end(
  rows: ModelRows,
  row: Row,
  { outcome, dispatch }: { outcome: Outcome; dispatch: DispatchSettings },
): Row {
  const now = rows.now();
  const { attempt, cause } = row;
  const ended = { leaseUntil: null, progress: outcome.progress ?? row.progress };
  const finish = (move: string, status: TaskStatus, change: Partial<Row>) =>
    rows.write(move, row, { ...ended, ...change, status, finishedAt: now });
  const entry = { attempt, cause, delaySeconds: null, error: null };
  if (outcome.kind === 'complete') {
    rows.record(row, { ...entry, outcome: 'completed' });
    const { result, artifact = null } = outcome;
    return finish('complete', 'COMPLETED', { result: result ?? null, artifact, error: null });
  }
  const { error } = outcome;
  if (row.cancelRequestedAt) {
    rows.record(row, { ...entry, outcome: 'aborted', error });
    return finish('abort', 'CANCELLED', { error: null });
  }
  if (outcome.kind === 'fail' || attempt >= row.attemptLimit) {
    rows.record(row, { ...entry, outcome: 'failed', error });
    return finish('fail', 'FAILED', { error });
  }
  const { delaySeconds } = outcome;
  const runAt = later(now, delaySeconds);
  rows.record(row, { ...entry, outcome: 'retried', delaySeconds, error });
  const retry = { status: 'SCHEDULED', cause: 'retry', error, runAt } as const;
  return rows.write('retry', row, {
    ...ended,
    ...retry,
    nextDispatchAt: nextDispatch(runAt, now, dispatch),
  });
}
