import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { asMember } from '../../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import { DISPATCH, newTask } from '../../verification/fixtures.ts';
import * as store from '../index.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const LEASE = 3_600;
const error = { code: 'boom', message: 'boom' };

async function batchOf(count: number, given: Partial<store.NewTask> = {}) {
  const batch = { id: uuidv7(), name: 'Batch', queue: 'bulk' } as const;
  const tasks = Array.from({ length: count }, () => newTask({ queue: 'bulk', maxRetries: 0, ...given }));
  const written = await store.insertBatch(api, {
    principal: ada,
    organizationId: null,
    batch,
    tasks,
    dispatch: DISPATCH,
  });
  expect(written?.tasks).toHaveLength(count);
  return { id: batch.id, ids: tasks.map(({ id }) => id) };
}

const counts = async (id: string) => {
  const [row] = await on.admin`
    select total, completed, failed, cancelled, finished_at is not null as finished from batches where id = ${id}`;
  return row;
};

test('a batch counts its tasks by status, and is finished when all are', async () => {
  const { id, ids } = await batchOf(4);
  await store.claim(worker, { ids: ids.slice(0, 3), leaseSeconds: LEASE, soonSeconds: 0 });
  await store.settle(
    worker,
    [
      { id: ids[0] ?? '', attempt: 1, kind: 'complete', result: 1 },
      { id: ids[1] ?? '', attempt: 1, kind: 'fail', error },
    ],
    DISPATCH,
  );
  expect(await counts(id)).toEqual({ total: 4, completed: 1, failed: 1, cancelled: 0, finished: false });
  await asMember(api, ada, (tx) => store.cancel(tx, ids[3] ?? ''));
  await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${ids[2] ?? ''}`;
  await store.rescue(dispatcher, [ids[2] ?? ''], 1);
  expect(await counts(id)).toEqual({ total: 4, completed: 1, failed: 2, cancelled: 1, finished: true });
});

test('a retried task is counted again', async () => {
  const { id, ids } = await batchOf(1);
  const [task = ''] = ids;
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  await store.settle(worker, [{ id: task, attempt: 1, kind: 'fail', error }], DISPATCH);
  await asMember(api, ada, (tx) => store.requeue(tx, task, DISPATCH));
  expect(await counts(id)).toEqual({ total: 1, completed: 0, failed: 0, cancelled: 0, finished: false });
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  await store.settle(worker, [{ id: task, attempt: 2, kind: 'complete', result: null }], DISPATCH);
  expect(await counts(id)).toEqual({ total: 1, completed: 1, failed: 0, cancelled: 0, finished: true });
});

test('a task that is cancelled with its dependency is counted, too', async () => {
  const [awaited] = (await batchOf(1)).ids;
  const { id, ids } = await batchOf(1, { dependsOn: [awaited ?? ''] });
  const member = { id: ids[0] ?? '', organizationId: ada.organizationId };
  await asMember(api, ada, async (tx) => {
    await store.awaitTasks(tx, ada.organizationId, [awaited ?? '']);
    await store.insertDependencies(tx, member.organizationId, [
      { id: member.id, dependsOn: [awaited ?? ''] },
    ]);
    await store.cancel(tx, awaited ?? '');
  });
  await store.release(dispatcher, { ids: [awaited ?? ''], limit: 1, dispatch: DISPATCH });
  expect(await counts(id)).toEqual({ total: 1, completed: 0, failed: 0, cancelled: 1, finished: true });
});

test('the statement that changes a batch returns its watchers', async () => {
  const { id, ids } = await batchOf(2);
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  const settle = (task = '') =>
    store.settle(worker, [{ id: task, attempt: 1, kind: 'complete', result: null }], DISPATCH);
  const written = async () => (await on.admin`select seq, updated_at from batches where id = ${id}`)[0];
  const fresh = await written();
  expect((await settle(ids[0]))[0]?.batch).toBeNull();
  const before = await written();
  expect(before?.seq).toBe(fresh?.seq + 1);
  expect(Number(before?.updated_at)).toBeGreaterThan(Number(fresh?.updated_at));
  await on.admin`update batches set watchers = '{one}' where id = ${id}`;
  expect((await settle(ids[1]))[0]?.batch).toMatchObject({
    id,
    seq: before?.seq + 1,
    completed: 2,
    total: 2,
    watchers: ['one'],
  });
});

test('many workers settle tasks of the same two batches at once, and none is miscounted', async () => {
  const [one, other] = [await batchOf(100), await batchOf(100)];
  const mixed = one.ids.flatMap((id, n) => [id, other.ids[n] ?? '']);
  const { claimed } = await store.claim(worker, { ids: mixed, leaseSeconds: LEASE, soonSeconds: 0 });
  expect(claimed).toHaveLength(200);
  const workers = Array.from({ length: 8 }, () => on.as('worker'));
  await Promise.all(
    workers.map(async (db, n) => {
      for (let at = n; at < mixed.length; at += 8) {
        await store.settle(
          db,
          [{ id: mixed[at] ?? '', attempt: 1, kind: 'complete', result: null }],
          DISPATCH,
        );
      }
    }),
  );
  for (const { id } of [one, other])
    expect(await counts(id)).toMatchObject({ completed: 100, finished: true });
});

test('with a taken unique key, a batch is written not at all, or without that task, as requested', async () => {
  const { ids } = await batchOf(1, { uniqueKey: 'invoice-7' });
  const batch = { id: uuidv7(), name: '', queue: 'bulk' } as const;
  const tasks = [newTask({ uniqueKey: 'invoice-7' }), newTask({ uniqueKey: 'invoice-8' })];
  await expect(
    store.insertBatch(api, { principal: ada, organizationId: null, batch, tasks, dispatch: DISPATCH }),
  ).rejects.toMatchObject({
    code: '23505',
  });
  expect(await counts(batch.id)).toBeUndefined();
  expect(
    await store.insertBatch(api, {
      principal: ada,
      organizationId: null,
      batch,
      tasks,
      dispatch: DISPATCH,
      partial: true,
    }),
  ).toMatchObject({
    batch: { id: batch.id, total: 1, watchers: [] },
    tasks: [{ id: tasks[1]?.id }],
  });
  expect(await counts(batch.id)).toMatchObject({ total: 1 });
  // A key is free again when its task has ended.
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  await store.settle(worker, [{ id: ids[0] ?? '', attempt: 1, kind: 'complete', result: null }], DISPATCH);
  expect(await batchOf(1, { uniqueKey: 'invoice-7' })).toBeDefined();
});

test('a report is stored with the running attempt and its row, and one of a lost attempt is not', async () => {
  const { ids } = await batchOf(1);
  const [id = ''] = ids;
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  const progress = { fraction: 0.5, note: 'half', at: new Date().toISOString() };
  const logs = [{ at: progress.at, level: 'info', message: 'hello' } as const];
  expect(await store.report(worker, [{ id, attempt: 1, progress, logs }])).toMatchObject([{ id, progress }]);
  expect(await store.report(worker, [{ id, attempt: 2, progress }])).toEqual([]);
  const ledger = () =>
    on.admin`select outcome, cause, progress, logs, finished_at, due_at from attempts where task_id = ${id}`;
  expect(await ledger()).toMatchObject([
    { outcome: 'running', cause: 'created', progress, logs, finished_at: null },
  ]);
  await store.settle(worker, [{ id, attempt: 1, kind: 'complete', result: null }], DISPATCH);
  expect(await ledger()).toMatchObject([
    { outcome: 'completed', progress, logs, finished_at: expect.any(Date), due_at: expect.any(Date) },
  ]);
});
