import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import { DISPATCH, force, insertTask, newTask, statusOf } from '../verification/fixtures.ts';
import * as store from './index.ts';
import { LEASE, storeStage } from './testing/store-stage.ts';

const stage = storeStage();

const error = { code: 'boom', message: 'boom' };

describe('retries', () => {
  test('a failure is retried until no attempt is left, and every attempt is in the ledger', async () => {
    const { id } = await insertTask(stage.api, stage.ada, { maxRetries: 2 });
    for (const [attempt, status] of [
      [1, 'SCHEDULED'],
      [2, 'SCHEDULED'],
      [3, 'FAILED'],
    ] as const) {
      await stage.on.admin`update tasks set run_at = now() where id = ${id}`;
      const { claimed } = await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
      expect(claimed[0]?.attempt).toBe(attempt);
      const [moved] = await store.settle(
        stage.worker,
        [{ id, attempt, kind: 'retry', error, delaySeconds: 7 }],
        DISPATCH,
      );
      expect(moved?.status).toBe(status);
      if (status === 'SCHEDULED') expect(moved?.dueInSeconds).toBeCloseTo(7, 0);
    }
    const ledger = await stage.on
      .admin`select attempt, outcome, delay_seconds from attempts where task_id = ${id} order by attempt`;
    expect(ledger.map((row) => [row.attempt, row.outcome, row.delay_seconds])).toEqual([
      [1, 'retried', 7],
      [2, 'retried', 7],
      [3, 'failed', null],
    ]);
  });

  test('a requeued task has fresh attempts, and attempt numbers go on', async () => {
    const { id } = await insertTask(stage.api, stage.ada, { maxRetries: 0 });
    await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await store.settle(stage.worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 0 }], DISPATCH);
    expect(await statusOf(stage.on.admin, id)).toBe('FAILED');
    await asMember(stage.api, stage.ada, (tx) => store.requeue(tx, id, DISPATCH));
    const { claimed } = await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    expect(claimed[0]).toMatchObject({ attempt: 2, attemptLimit: 2, error: null });
  });

  test('a requeued task is due now, and has nothing of its earlier attempts', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    await force(stage.on.admin, id, 'FAILED');
    await stage.on.admin`
      update tasks set crashes = 2, dispatches = 9, cancel_requested_at = now(), run_at = now() - interval '1 hour',
        progress = '{"fraction": 1, "note": null, "at": "2026-11-26T12:00:00.000Z"}'
      where id = ${id}`;
    const moved = await asMember(stage.api, stage.ada, (tx) => store.requeue(tx, id, DISPATCH));
    expect(moved).toMatchObject({
      ...{ cause: 'requeue', crashes: 0, progress: null, cancelRequestedAt: null, error: null },
      ...{ startedAt: null, finishedAt: null },
    });
    expect(moved?.dueInSeconds).toBeGreaterThan(-60);
    const [row] = await stage.on.admin`select dispatches from tasks where id = ${id}`;
    expect(row).toEqual({ dispatches: 0 });
  });

  test('a repeated cancel request keeps the first time', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    const cancel = () => asMember(stage.api, stage.ada, (tx) => store.cancel(tx, id));
    const first = await cancel();
    expect((await cancel())?.cancelRequestedAt).toEqual(first?.cancelRequestedAt);
  });

  test('a crash counts as an attempt: without one left, the task fails', async () => {
    const { id } = await insertTask(stage.api, stage.ada, { maxRetries: 0 });
    await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await stage.on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    const [rescued] = await store.rescue(stage.dispatcher, null, 10);
    expect(rescued).toMatchObject({ id, status: 'FAILED', crashes: 1, error: { code: 'worker_crashed' } });
  });

  test('after a crash a task waits a little, unless its message was redelivered, which has waited already', async () => {
    const tasks = await Promise.all(Array.from({ length: 6 }, () => insertTask(stage.api, stage.ada)));
    const ids = tasks.map(({ id }) => id);
    await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    await stage.on
      .admin`update tasks set lease_until = now() - interval '1 second' where id = any (${ids}::uuid[])`;
    const byMessage = await store.rescue(stage.dispatcher, ids.slice(0, 3), 10);
    const byTick = await store.rescue(stage.dispatcher, null, 10);
    expect(byMessage.map(({ dueInSeconds }) => dueInSeconds > 0)).toEqual([false, false, false]);
    expect(byTick.some(({ dueInSeconds }) => dueInSeconds > 0)).toBe(true);
    for (const { dueInSeconds } of byTick) expect(dueInSeconds).toBeLessThanOrEqual(1);
  });
});

/** Statements that must not wait for a locked row, because a tick would stand still. */
const SKIPS: Record<string, (ids: string[]) => Promise<readonly { id: string }[]>> = {
  'a rescue': (ids) => store.rescue(stage.dispatcher, ids, 10),
  'a rescue of all': async (ids) =>
    (await store.rescue(stage.dispatcher, null, 1_000)).filter(({ id }) => ids.includes(id)),
  'a dispatch': async (ids) =>
    (await store.takeForDispatch(stage.dispatcher, 1_000, 300)).due.filter(({ id }) => ids.includes(id)),
};

for (const [what, run] of Object.entries(SKIPS)) {
  test(`${what} skips locked rows, and takes the rest at once`, async () => {
    const ids = await Promise.all([1, 2].map(async () => (await insertTask(stage.api, stage.ada)).id));
    if (what === 'a dispatch')
      await stage.on.admin`update tasks set next_dispatch_at = now() where id = any (${ids}::uuid[])`;
    else {
      await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
      await stage.on
        .admin`update tasks set lease_until = now() - interval '1 second' where id = any (${ids}::uuid[])`;
    }
    const [locked, free] = ids;
    await stage.on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${locked ?? ''} for update`;
      const waits = sleep(5_000, [{ id: 'nothing, as it waits' }]);
      const taken = await Promise.race([run(ids), waits]);
      expect(taken.map(({ id }) => id)).toEqual([free]);
    });
  });
}

describe('dispatch', () => {
  test('a task due within the look-ahead is taken when nobody claimed it in time, a later one is not', async () => {
    const due = await insertTask(stage.api, stage.ada);
    const later = await insertTask(stage.api, stage.ada, {
      scheduledTime: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await stage.on
      .admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${due.id}`;
    const taken = (await store.takeForDispatch(stage.dispatcher, 1000, 300)).due.map((task) => task.id);
    expect(taken).toContain(due.id);
    expect(taken).not.toContain(later.id);
    const again = (await store.takeForDispatch(stage.dispatcher, 1000, 300)).due.map((task) => task.id);
    expect(again).not.toContain(due.id);
  });

  test('a message without effect does not lengthen the delay of the next one', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    for (let round = 0; round < 5; round += 1) {
      await stage.on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${id}`;
      await store.takeForDispatch(stage.dispatcher, 1000, 300);
      await store.dispatchAgain(stage.dispatcher, [id]);
    }
    const [row] = await stage.on
      .admin`select dispatches, next_dispatch_at <= now() as due from tasks where id = ${id}`;
    expect(row).toEqual({ dispatches: 0, due: true });
  });

  const claims = { 'a claim': {}, 'a claim in a lane': { concurrencyKey: 'narrow', concurrencyLimit: 1 } };
  for (const [what, lane] of Object.entries(claims)) {
    test(`${what} ends the doubling: the next attempt's message is sent again as soon as the first one's was`, async () => {
      const { id } = await insertTask(stage.api, stage.ada, lane);
      await stage.on.admin`update tasks set dispatches = 9 where id = ${id}`;
      await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
      expect(await statusOf(stage.on.admin, id)).toBe('RUNNING');
      await store.settle(stage.worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 0 }], DISPATCH);
      await stage.on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${id}`;
      await store.takeForDispatch(stage.dispatcher, 1000, 300);
      const [row] = await stage.on.admin`
        select round(extract(epoch from next_dispatch_at - clock_timestamp()))::int as wait from tasks where id = ${id}`;
      expect(row?.wait).toBeLessThanOrEqual(300);
    });
  }

  test('a stray message for a task that is due much later does not change its dispatch, which would make it late', async () => {
    const scheduledTime = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await insertTask(stage.api, stage.ada, { scheduledTime });
    await store.dispatchAgain(stage.worker, [id]);
    const [row] = await stage.on.admin`
      select extract(epoch from run_at - next_dispatch_at)::int as lookahead from tasks where id = ${id}`;
    expect(row).toEqual({ lookahead: DISPATCH.lookaheadSeconds });
  });

  test('two dispatchers at once take a task once', async () => {
    const tasks = Array.from({ length: 200 }, () => newTask());
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    await stage.on
      .admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = any (${tasks.map((t) => t.id)}::uuid[])`;
    const [one, other] = [stage.on.as('dispatcher'), stage.on.as('dispatcher')];
    const rounds = await Promise.all(
      [one, other, one, other].map((db) => store.takeForDispatch(db, 100, 300)),
    );
    const taken = rounds.flatMap(({ due }) => due).map((task) => task.id);
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length).toBeGreaterThanOrEqual(200);
  });
});

describe('another time', () => {
  const rescheduled = async (scheduledTime: string) => {
    const { id } = await insertTask(stage.api, stage.ada);
    await stage.on.admin`update tasks set dispatches = 9 where id = ${id}`;
    const moved = await asMember(stage.api, stage.ada, (tx) =>
      store.reschedule(tx, { id, scheduledTime, dispatch: DISPATCH }),
    );
    const [row] = await stage.on.admin`
      select dispatches, extract(epoch from next_dispatch_at - run_at)::int as wait from tasks where id = ${id}`;
    return { moved, row };
  };

  test('lets the dispatcher send its message in time, and resets its resends', async () => {
    const { row } = await rescheduled(new Date(Date.now() + 3_600_000).toISOString());
    expect(row).toEqual({ dispatches: 0, wait: -DISPATCH.lookaheadSeconds });
  });

  test('in the past does not make the task late: it is due now, and its message is sent', async () => {
    const { moved, row } = await rescheduled('2024-01-01T00:00:00.000Z');
    expect(moved?.dueInSeconds).toBeGreaterThan(-60);
    expect(row).toEqual({ dispatches: 0, wait: DISPATCH.resendSeconds });
  });
});
