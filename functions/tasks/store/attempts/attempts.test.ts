import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { asMember } from '../../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import type { LogEntry } from '../../task.ts';
import { DISPATCH, insertTask } from '../../verification/fixtures.ts';
import * as store from '../index.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
let ada: Member;
let id: string;
beforeEach(async () => {
  ada = await on.member();
  id = await started();
});
afterAll(() => on.close());

const at = new Date().toISOString();
const error = { code: 'boom', message: 'boom' };
const logs: LogEntry[] = [{ at, level: 'info', message: 'hello' }];
const progress = (fraction: number) => ({ fraction, note: null, at });

async function started(): Promise<string> {
  const task = await insertTask(api, ada);
  await store.claim(worker, { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
  return task.id;
}
const report = (said: Partial<store.Report>) => store.report(worker, [{ id, attempt: 1, ...said }]);
const ledger = () => asMember(api, ada, (tx) => store.attempts(tx, { taskId: id, before: null, limit: 10 }));

test('the attempts of a task are its own', async () => {
  id = await started();
  await report({ logs });
  id = await started();
  expect(await ledger()).toMatchObject([{ attempt: 1, logs: null }]);
});

test('an attempt that has reported is in the ledger once, with its last report', async () => {
  await report({ progress: progress(0.1), logs });
  await report({ progress: progress(0.2) });
  expect(await ledger()).toMatchObject([{ outcome: 'running', progress: progress(0.2), logs }]);
  const more = [...logs, { at, level: 'warn', message: 'low on paper' } as const];
  await report({ logs: more });
  expect(await ledger()).toMatchObject([{ outcome: 'running', progress: progress(0.2), logs: more }]);
  const [row] = await on.admin`select progress from tasks where id = ${id}`;
  expect(row?.progress).toEqual(progress(0.2));
});

test('the reports of an attempt are ordered: each has a higher number', async () => {
  const numbers = [await report({ logs }), await report({ progress: progress(0.5) })].map(
    ([row]) => row?.seq,
  );
  expect(numbers).toEqual([3, 4]);
});

describe('an attempt that has reported, and then', () => {
  beforeEach(() => report({ progress: progress(0.1), logs }));

  test('fails, has its error, the delay that followed and its last report', async () => {
    await store.settle(
      worker,
      [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 7, progress: progress(0.9) }],
      DISPATCH,
    );
    expect(await ledger()).toMatchObject([
      { outcome: 'retried', error, delaySeconds: 7, progress: progress(0.9), logs },
    ]);
  });

  test('dies with its worker, has ended, and keeps its report', async () => {
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    expect(await store.rescue(dispatcher, [id], 1)).toHaveLength(1);
    expect(await ledger()).toMatchObject([
      {
        outcome: 'crashed',
        finishedAt: expect.any(Date),
        delaySeconds: expect.any(Number),
        error: { code: 'worker_crashed' },
        progress: progress(0.1),
        logs,
      },
    ]);
  });
});
