import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import { type Member, type Stand, stand } from '../../database/testing/stand.ts';
import { MOVES, TASK_STATUSES, type TaskStatus, TERMINAL } from '../task.ts';
import { DISPATCH, force, insertTask, newTask, statusOf } from '../verification/fixtures.ts';
import * as store from './index.ts';

let on: Stand;
let ada: Member;
let api: ReturnType<Stand['as']>;
let worker: ReturnType<Stand['as']>;
let dispatcher: ReturnType<Stand['as']>;

beforeAll(async () => {
  on = await stand();
  ada = await on.member();
  api = on.as('api');
  worker = on.as('worker');
  dispatcher = on.as('dispatcher');
});
afterAll(() => on.close());

/** Seconds. No lease expires while this file runs, unless a test makes it expire. */
const LEASE = 3_600;
const error = { code: 'boom', message: 'boom' };

/** Tries each move on one task, as a function's role would. Returns the changed row. */
const TRY: Record<keyof typeof MOVES, (id: string) => Promise<{ status: TaskStatus } | undefined>> = {
  release: async (id) => {
    const awaited = await insertTask(api, ada);
    await force(on.admin, awaited.id, 'COMPLETED');
    await on.admin`update tasks set has_dependents = true where id = ${awaited.id}`;
    await on.admin`insert into task_dependencies values (${id}, ${awaited.id}, ${ada.organizationId})`;
    return (await store.release(worker, { ids: [awaited.id], limit: 1, dispatch: DISPATCH })).moved[0];
  },
  claim: async (id) =>
    (await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed[0],
  complete: async (id) =>
    (await store.settle(worker, [{ id, attempt: 1, kind: 'complete', result: 1 }], DISPATCH))[0],
  retry: async (id) =>
    (await store.settle(worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 5 }], DISPATCH))[0],
  fail: async (id) => (await store.settle(worker, [{ id, attempt: 1, kind: 'fail', error }], DISPATCH))[0],
  cancel: (id) => asMember(api, ada, (tx) => store.cancel(tx, id)),
  abort: async (id) => {
    await on.admin`update tasks set cancel_requested_at = now() where id = ${id}`;
    return (await store.settle(worker, [{ id, attempt: 1, kind: 'fail', error }], DISPATCH))[0];
  },
  rescue: async (id) => {
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id} and status = 'RUNNING'`;
    return (await store.rescue(dispatcher, [id], 1))[0];
  },
  reschedule: (id) =>
    asMember(api, ada, (tx) =>
      store.reschedule(tx, {
        id,
        scheduledTime: new Date(Date.now() + 60_000).toISOString(),
        dispatch: DISPATCH,
      }),
    ),
  requeue: (id) => asMember(api, ada, (tx) => store.requeue(tx, id, DISPATCH)),
};

test('what moves by a worker or the dispatcher comes without payload and description, which may be large', async () => {
  const large = { payload: { much: 'x'.repeat(1_000) }, description: 'long' };
  const [one, other] = [await insertTask(api, ada, large), await insertTask(api, ada, large)];
  await store.claim(worker, { ids: [one.id, other.id], leaseSeconds: LEASE, soonSeconds: 0 });
  const [reported] = await store.report(worker, [
    { id: one.id, attempt: 1, progress: { fraction: 0.5, note: null, at: '' } },
  ]);
  const [settled] = await store.settle(
    worker,
    [{ id: one.id, attempt: 1, kind: 'complete', result: 1 }],
    DISPATCH,
  );
  const rescued = await TRY.rescue(other.id);
  for (const row of [reported, settled, rescued])
    expect(row).toMatchObject({ payload: null, description: '' });
});

for (const [move, attempt] of Object.entries(TRY)) {
  const { from, to }: { from: readonly TaskStatus[]; to: readonly TaskStatus[] } =
    MOVES[move as keyof typeof TRY];
  describe(move, () => {
    for (const status of TASK_STATUSES) {
      // A cancel of a running task is not yet a move, but the request for one.
      const request = move === 'cancel' && status === 'RUNNING';
      const legal = from.includes(status);
      const what = legal
        ? `leads to ${to.join(' or ')}`
        : request
          ? 'only asks its worker'
          : 'changes nothing';
      test(`${move} of a ${status} task ${what}`, async () => {
        const { id } = await insertTask(api, ada);
        await force(on.admin, id, status);
        const [before] =
          await on.admin`select *, cancel_requested_at is null as uncancelled from tasks where id = ${id}`;
        const moved = await attempt(id);
        const [after] = await on.admin`select * from tasks where id = ${id}`;
        if (legal) {
          expect(to).toContain(moved?.status);
          expect(after?.status).toBe(moved?.status);
          expect(after?.seq).toBe(before?.seq + 1);
          expect(after?.finished_at !== null).toBe((TERMINAL as readonly string[]).includes(after?.status));
        } else if (request) {
          expect(moved?.status).toBe('RUNNING');
          expect(after?.cancel_requested_at).not.toBeNull();
        } else {
          expect(moved).toBeUndefined();
          expect(after?.status).toBe(status);
          expect(after?.seq).toBe(before?.seq);
        }
      });
    }
  });
}

describe('the fence', () => {
  test('an outcome of an attempt that lost its lease changes nothing', async () => {
    const { id } = await insertTask(api, ada);
    await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    await store.rescue(dispatcher, [id], 1);
    await on.admin`update tasks set run_at = now() where id = ${id}`;
    const { claimed } = await store.claim(worker, {
      ids: [id],
      leaseSeconds: LEASE,
      soonSeconds: 0,
      alone: true,
    });
    expect(claimed[0]?.attempt).toBe(2);
    expect(
      await store.settle(worker, [{ id, attempt: 1, kind: 'complete', result: 'late' }], DISPATCH),
    ).toEqual([]);
    expect(await statusOf(on.admin, id)).toBe('RUNNING');
    expect(await store.renew(worker, [{ id, attempt: 1 }], LEASE)).toEqual([]);
  });

  test('an outcome that is reported twice is recorded once', async () => {
    const { id } = await insertTask(api, ada);
    await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    const outcome = { id, attempt: 1, kind: 'complete', result: { n: 1 } } as const;
    expect(await store.settle(worker, [outcome], DISPATCH)).toHaveLength(1);
    expect(await store.settle(worker, [outcome], DISPATCH)).toHaveLength(0);
    expect(await on.admin`select * from attempts where task_id = ${id}`).toHaveLength(1);
  });

  test('of many claims at once one gets the task', async () => {
    const { id } = await insertTask(api, ada);
    const workers = Array.from({ length: 8 }, () => on.as('worker'));
    const claims = await Promise.all(
      workers.map((db) => store.claim(db, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })),
    );
    expect(claims.flatMap((claim) => claim.claimed)).toHaveLength(1);
  });
});

describe('claim', () => {
  test('a task is not claimed before its time, and is told when it is due soon', async () => {
    const soon = await insertTask(api, ada, { scheduledTime: new Date(Date.now() + 60_000).toISOString() });
    const later = await insertTask(api, ada, { scheduledTime: new Date(Date.now() + 600_000).toISOString() });
    const answer = await store.claim(worker, {
      ids: [soon.id, later.id],
      leaseSeconds: LEASE,
      soonSeconds: 120,
    });
    expect(answer.claimed).toEqual([]);
    expect(answer.unclaimed).toEqual([
      { id: soon.id, dueInSeconds: expect.any(Number), suspect: false, missing: null },
    ]);
    expect(answer.unclaimed[0]?.dueInSeconds).toBeGreaterThan(0);
  });

  test('a due task whose row somebody has locked is told apart from one that is none of ours any more', async () => {
    const { id } = await insertTask(api, ada);
    await on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${id} for update`;
      const answer = await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 });
      expect(answer).toEqual({
        claimed: [],
        unclaimed: [{ id, dueInSeconds: expect.any(Number), suspect: false, missing: null }],
        vacated: [],
      });
    });
    expect(
      (await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 })).claimed,
    ).toHaveLength(1);
    expect(await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 })).toEqual({
      claimed: [],
      unclaimed: [],
      vacated: [],
    });
  });

  test('a task that has crashed is claimed only alone', async () => {
    const { id } = await insertTask(api, ada);
    await on.admin`update tasks set crashes = 1 where id = ${id}`;
    const answer = await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 });
    expect(answer).toEqual({
      claimed: [],
      unclaimed: [{ id, dueInSeconds: expect.any(Number), suspect: true, missing: null }],
      vacated: [],
    });
    expect(
      (await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2, alone: true })).claimed,
    ).toHaveLength(1);
  });

  test('one statement claims, and one settles, however many tasks there are', async () => {
    const tasks = Array.from({ length: 300 }, () => newTask());
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    const { claimed } = await store.claim(worker, {
      ids: tasks.map((task) => task.id),
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    expect(claimed).toHaveLength(300);
    const outcomes = claimed.map(
      ({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null }) as const,
    );
    expect(await store.settle(worker, outcomes, DISPATCH)).toHaveLength(300);
  });
});

describe('retries', () => {
  test('a failure is retried until no attempt is left, and every attempt is in the ledger', async () => {
    const { id } = await insertTask(api, ada, { maxRetries: 2 });
    for (const [attempt, status] of [
      [1, 'SCHEDULED'],
      [2, 'SCHEDULED'],
      [3, 'FAILED'],
    ] as const) {
      await on.admin`update tasks set run_at = now() where id = ${id}`;
      const { claimed } = await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
      expect(claimed[0]?.attempt).toBe(attempt);
      const [moved] = await store.settle(
        worker,
        [{ id, attempt, kind: 'retry', error, delaySeconds: 7 }],
        DISPATCH,
      );
      expect(moved?.status).toBe(status);
      if (status === 'SCHEDULED') expect(moved?.dueInSeconds).toBeCloseTo(7, 0);
    }
    const ledger =
      await on.admin`select attempt, outcome, delay_seconds from attempts where task_id = ${id} order by attempt`;
    expect(ledger.map((row) => [row.attempt, row.outcome, row.delay_seconds])).toEqual([
      [1, 'retried', 7],
      [2, 'retried', 7],
      [3, 'failed', null],
    ]);
  });

  test('a requeued task has fresh attempts, and attempt numbers go on', async () => {
    const { id } = await insertTask(api, ada, { maxRetries: 0 });
    await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await store.settle(worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 0 }], DISPATCH);
    expect(await statusOf(on.admin, id)).toBe('FAILED');
    await asMember(api, ada, (tx) => store.requeue(tx, id, DISPATCH));
    const { claimed } = await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    expect(claimed[0]).toMatchObject({ attempt: 2, attemptLimit: 2, error: null });
  });

  test('a requeued task is due now, because a person asked, and nothing of what was clings to it', async () => {
    const { id } = await insertTask(api, ada);
    await force(on.admin, id, 'FAILED');
    await on.admin`
      update tasks set crashes = 2, dispatches = 9, cancel_requested_at = now(), run_at = now() - interval '1 hour',
        progress = '{"fraction": 1, "note": null, "at": "2026-11-26T12:00:00.000Z"}'
      where id = ${id}`;
    const moved = await asMember(api, ada, (tx) => store.requeue(tx, id, DISPATCH));
    expect(moved).toMatchObject({
      ...{ cause: 'requeue', crashes: 0, progress: null, cancelRequestedAt: null, error: null },
      ...{ startedAt: null, finishedAt: null },
    });
    expect(moved?.dueInSeconds).toBeGreaterThan(-60);
    const [row] = await on.admin`select dispatches from tasks where id = ${id}`;
    expect(row).toEqual({ dispatches: 0 });
  });

  test('a cancel that is asked for twice was asked for the first time', async () => {
    const { id } = await insertTask(api, ada);
    await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    const cancel = () => asMember(api, ada, (tx) => store.cancel(tx, id));
    const first = await cancel();
    expect((await cancel())?.cancelRequestedAt).toEqual(first?.cancelRequestedAt);
  });

  test('a crash counts as an attempt: without one left, the task fails', async () => {
    const { id } = await insertTask(api, ada, { maxRetries: 0 });
    await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    const [rescued] = await store.rescue(dispatcher, null, 10);
    expect(rescued).toMatchObject({ id, status: 'FAILED', crashes: 1, error: { code: 'worker_crashed' } });
  });

  test('after a crash a task waits a little, but for one whose message has come back, which has waited already', async () => {
    const tasks = await Promise.all(Array.from({ length: 6 }, () => insertTask(api, ada)));
    const ids = tasks.map(({ id }) => id);
    await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = any (${ids}::uuid[])`;
    const byMessage = await store.rescue(dispatcher, ids.slice(0, 3), 10);
    const byTick = await store.rescue(dispatcher, null, 10);
    expect(byMessage.map(({ dueInSeconds }) => dueInSeconds > 0)).toEqual([false, false, false]);
    expect(byTick.some(({ dueInSeconds }) => dueInSeconds > 0)).toBe(true);
    for (const { dueInSeconds } of byTick) expect(dueInSeconds).toBeLessThanOrEqual(1);
  });
});

/** Statements that must not wait for a locked row, because a tick would stand still. */
const SKIPS: Record<string, (ids: string[]) => Promise<readonly { id: string }[]>> = {
  'a rescue': (ids) => store.rescue(dispatcher, ids, 10),
  'a rescue of all': async (ids) =>
    (await store.rescue(dispatcher, null, 1_000)).filter(({ id }) => ids.includes(id)),
  'a dispatch': async (ids) =>
    (await store.takeForDispatch(dispatcher, 1_000, 300)).due.filter(({ id }) => ids.includes(id)),
};

for (const [what, run] of Object.entries(SKIPS)) {
  test(`${what} skips what somebody has locked, and takes the rest at once`, async () => {
    const ids = await Promise.all([1, 2].map(async () => (await insertTask(api, ada)).id));
    if (what === 'a dispatch')
      await on.admin`update tasks set next_dispatch_at = now() where id = any (${ids}::uuid[])`;
    else {
      await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
      await on.admin`update tasks set lease_until = now() - interval '1 second' where id = any (${ids}::uuid[])`;
    }
    const [locked, free] = ids;
    await on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${locked ?? ''} for update`;
      const waits = sleep(5_000, [{ id: 'nothing, as it waits' }]);
      const taken = await Promise.race([run(ids), waits]);
      expect(taken.map(({ id }) => id)).toEqual([free]);
    });
  });
}

describe('dispatch', () => {
  test('a task due within the look-ahead is taken when nobody claimed it in time, a later one is not', async () => {
    const due = await insertTask(api, ada);
    const later = await insertTask(api, ada, {
      scheduledTime: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${due.id}`;
    const taken = (await store.takeForDispatch(dispatcher, 1000, 300)).due.map((task) => task.id);
    expect(taken).toContain(due.id);
    expect(taken).not.toContain(later.id);
    const again = (await store.takeForDispatch(dispatcher, 1000, 300)).due.map((task) => task.id);
    expect(again).not.toContain(due.id);
  });

  test('a message that led to nothing does not lengthen the wait for the next one', async () => {
    const { id } = await insertTask(api, ada);
    for (let round = 0; round < 5; round += 1) {
      await on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${id}`;
      await store.takeForDispatch(dispatcher, 1000, 300);
      await store.dispatchAgain(dispatcher, [id]);
    }
    const [row] =
      await on.admin`select dispatches, next_dispatch_at <= now() as due from tasks where id = ${id}`;
    expect(row).toEqual({ dispatches: 0, due: true });
  });

  const claims = { 'a claim': {}, 'a claim in a lane': { concurrencyKey: 'narrow', concurrencyLimit: 1 } };
  for (const [what, lane] of Object.entries(claims)) {
    test(`${what} ends the doubling: the next attempt's message is sent again as soon as the first one's was`, async () => {
      const { id } = await insertTask(api, ada, lane);
      await on.admin`update tasks set dispatches = 9 where id = ${id}`;
      await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
      expect(await statusOf(on.admin, id)).toBe('RUNNING');
      await store.settle(worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 0 }], DISPATCH);
      await on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = ${id}`;
      await store.takeForDispatch(dispatcher, 1000, 300);
      const [row] = await on.admin`
        select round(extract(epoch from next_dispatch_at - clock_timestamp()))::int as wait from tasks where id = ${id}`;
      expect(row?.wait).toBeLessThanOrEqual(300);
    });
  }

  test('a stray message for a task that is due much later does not bring its dispatch forward, and so make it late', async () => {
    const scheduledTime = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await insertTask(api, ada, { scheduledTime });
    await store.dispatchAgain(worker, [id]);
    const [row] = await on.admin`
      select extract(epoch from run_at - next_dispatch_at)::int as lookahead from tasks where id = ${id}`;
    expect(row).toEqual({ lookahead: DISPATCH.lookaheadSeconds });
  });

  test('two dispatchers at once take a task once', async () => {
    const tasks = Array.from({ length: 200 }, () => newTask());
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    await on.admin`update tasks set next_dispatch_at = now() - interval '1 second' where id = any (${tasks.map((t) => t.id)}::uuid[])`;
    const [one, other] = [on.as('dispatcher'), on.as('dispatcher')];
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
    const { id } = await insertTask(api, ada);
    await on.admin`update tasks set dispatches = 9 where id = ${id}`;
    const moved = await asMember(api, ada, (tx) =>
      store.reschedule(tx, { id, scheduledTime, dispatch: DISPATCH }),
    );
    const [row] = await on.admin`
      select dispatches, extract(epoch from next_dispatch_at - run_at)::int as wait from tasks where id = ${id}`;
    return { moved, row };
  };

  test('brings the task into the hands of the dispatcher in time, and its resends begin anew', async () => {
    const { row } = await rescheduled(new Date(Date.now() + 3_600_000).toISOString());
    expect(row).toEqual({ dispatches: 0, wait: -DISPATCH.lookaheadSeconds });
  });

  test('in the past makes nobody late: the task is due now, and its message is sent', async () => {
    const { moved, row } = await rescheduled('2024-01-01T00:00:00.000Z');
    expect(moved?.dueInSeconds).toBeGreaterThan(-60);
    expect(row).toEqual({ dispatches: 0, wait: DISPATCH.resendSeconds });
  });
});
