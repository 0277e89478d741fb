import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { actInBulk, cancelBatch, EVERYTHING } from '../commands/bulk-actions.ts';
import { cancelTask, retryTask } from '../commands/change.ts';
import { createTasks } from '../commands/create.ts';
import { createBatch } from '../commands/create-batch.ts';
import { recordDeadLetters } from '../dispatcher/rescue.ts';
import { tick } from '../dispatcher/tick.ts';
import * as store from '../store/index.ts';
import { DISPATCH, insertTask, newTask, recordedEvents } from '../verification/fixtures.ts';
import { eventPublisher } from './event-publisher.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
const deadLetters = on.as('dead-letters');
let ada: Member;
let events: ReturnType<typeof recordedEvents>;
beforeEach(async () => {
  ada = await on.member();
  events = recordedEvents();
});
afterAll(() => on.close());

const quiet = { dispatch: DISPATCH, enqueue: async () => [] };
const asApi = () => ({ ...quiet, db: api, announce: events.announce });
const asDispatcher = () => ({ ...quiet, db: dispatcher, announce: events.announce, round: { lane: null } });
const FULL = () => 60;
/** Seconds. A tick rescues every expired task, so leases here expire only when a test makes them. */
const LEASE = 3_600;

async function batchOf(count: number) {
  const { id } = newTask();
  const tasks = Array.from({ length: count }, () => newTask({ maxRetries: 0 }));
  const ids = tasks.map((task) => task.id);
  const batch = { id, organizationId: null, name: 'Batch', queue: 'bulk' } as const;
  await createBatch({ ...quiet, db: api }, ada, { batch, requests: tasks, ids, partial: false });
  return { id, ids };
}

/** Claims tasks as a worker that then dies. */
async function die(ids: readonly string[]): Promise<void> {
  await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
  await on.admin`update tasks set lease_until = now() - interval '1 second' where id = any (${ids as string[]}::uuid[])`;
}

const finished = (subject: string, data: object) => ({ type: 'task.finished', subject, data });
const batchFinished = (subject: string, data: object) => ({ type: 'batch.finished', subject, data });

describe('a single task', () => {
  test('that is cancelled before its start is published', async () => {
    const { id } = await insertTask(api, ada);
    await cancelTask(asApi(), ada, id);
    expect(await events.published()).toMatchObject([
      { ...finished(id, { status: 'CANCELLED' }), id: `${id}:0` },
    ]);
  });

  test('that was only asked to stop, or was retried, has not ended', async () => {
    const [running, failed] = [await insertTask(api, ada), await insertTask(api, ada)];
    await store.claim(worker, { ids: [running.id, failed.id], leaseSeconds: LEASE, soonSeconds: 0 });
    const error = { code: 'boom', message: 'boom' };
    await store.settle(worker, [{ id: failed.id, attempt: 1, kind: 'fail', error }], DISPATCH);
    await cancelTask(asApi(), ada, running.id);
    await retryTask(asApi(), ada, failed.id);
    expect(await events.published()).toEqual([]);
  });

  test('that is cancelled with others by a filter is published, each once', async () => {
    const ids = [(await insertTask(api, ada)).id, (await insertTask(api, ada)).id];
    await actInBulk(asApi(), ada, {
      wanted: { action: 'cancel' },
      filter: EVERYTHING,
      remainingSeconds: FULL,
    });
    expect((await events.published()).map(({ subject }) => subject).toSorted()).toEqual(ids);
  });

  test('whose last attempt died with its worker is published by the tick, and one with attempts left is not', async () => {
    const last = await insertTask(api, ada, { maxRetries: 0 });
    const other = await insertTask(api, ada);
    await die([last.id, other.id]);
    await tick(asDispatcher(), FULL);
    const error = { code: 'worker_crashed' };
    expect(await events.published()).toMatchObject([
      { ...finished(last.id, { status: 'FAILED', error }), id: `${last.id}:1` },
    ]);
  });

  test('that is cancelled with its dependency is published by the tick', async () => {
    const awaited = await insertTask(api, ada);
    const request = newTask({ dependsOn: [awaited.id] });
    const [waiting] = await createTasks({ ...quiet, db: api }, ada, {
      organizationId: null,
      requests: [request],
      ids: [request.id],
    });
    await cancelTask(asApi(), ada, awaited.id);
    await events.published();
    await tick(asDispatcher(), FULL);
    expect(await events.published()).toMatchObject([finished(waiting?.id ?? '', { status: 'CANCELLED' })]);
  });

  test('whose message SQS gave up on is published when it has failed', async () => {
    const { id } = await insertTask(api, ada, { maxRetries: 0 });
    const unstarted = await insertTask(api, ada);
    await die([id]);
    await recordDeadLetters({ db: deadLetters, announce: events.announce }, [id, unstarted.id]);
    expect(await events.published()).toMatchObject([finished(id, { status: 'FAILED' })]);
  });
});

describe('a batch', () => {
  test('that is cancelled as a whole is published once, by however many statements', async () => {
    const { id } = await batchOf(store.BULK_STEP.changed + 500);
    const { changed } = await cancelBatch(asApi(), ada, { batchId: id, remainingSeconds: FULL });
    expect(changed).toBe(1_500);
    expect(await events.published()).toMatchObject([batchFinished(id, { total: 1_500, cancelled: 1_500 })]);
  });

  test('is published by the statement that ends the last of its tasks', async () => {
    const [one, two, three] = [await batchOf(2), await batchOf(2), await batchOf(2)];
    await cancelTask(asApi(), ada, one.ids[0] ?? '');
    for (const [id = ''] of [two.ids, three.ids]) await cancelTask(asApi(), ada, id);
    expect(await events.published()).toEqual([]);
    await cancelTask(asApi(), ada, one.ids[1] ?? '');
    expect(await events.published()).toMatchObject([batchFinished(one.id, { cancelled: 2 })]);
    await die([two.ids[1] ?? '', three.ids[1] ?? '']);
    await recordDeadLetters({ db: deadLetters, announce: events.announce }, three.ids);
    expect(await events.published()).toMatchObject([batchFinished(three.id, { failed: 1, cancelled: 1 })]);
    await tick(asDispatcher(), FULL);
    expect(await events.published()).toMatchObject([batchFinished(two.id, { failed: 1, cancelled: 1 })]);
  });
});

test('a second end after a retry is a second event, even without a run in between', async () => {
  const { id } = await insertTask(api, ada);
  for (let times = 0; times < 3; times += 1) {
    await cancelTask(asApi(), ada, id);
    if (times < 2) await retryTask(asApi(), ada, id);
  }
  const ids = (await events.published()).map((event) => event.id);
  expect([ids.length, new Set(ids).size, ids[0]]).toEqual([3, 3, `${id}:0`]);
});

test('a bus that fails loses an event, but neither the work nor the next event', async () => {
  const failures: unknown[] = [];
  const heard: string[] = [];
  let down = true;
  const { announce, flush } = eventPublisher(
    async (events) => {
      if (down) throw new Error('down');
      heard.push(...events.map(({ subject }) => subject));
    },
    (error) => failures.push(error),
  );
  const [lost, next] = [await insertTask(api, ada), await insertTask(api, ada)];
  expect((await cancelTask({ ...asApi(), announce }, ada, lost.id)).status).toBe('CANCELLED');
  await flush();
  expect(String(failures)).toContain('down');
  down = false;
  await cancelTask({ ...asApi(), announce }, ada, next.id);
  await flush();
  expect(heard).toEqual([next.id]);
});
