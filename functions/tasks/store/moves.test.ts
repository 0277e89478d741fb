import { describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import { MOVES, TASK_STATUSES, type TaskStatus, TERMINAL } from '../task.ts';
import { DISPATCH, force, insertTask, newTask, statusOf } from '../verification/fixtures.ts';
import * as store from './index.ts';
import { LEASE, storeStage } from './testing/store-stage.ts';

const stage = storeStage();

const error = { code: 'boom', message: 'boom' };

/** Tries each move on one task, as a function's role would. Returns the changed row. */
const TRY: Record<keyof typeof MOVES, (id: string) => Promise<{ status: TaskStatus } | undefined>> = {
  release: async (id) => {
    const awaited = await insertTask(stage.api, stage.ada);
    await force(stage.on.admin, awaited.id, 'COMPLETED');
    await stage.on.admin`update tasks set has_dependents = true where id = ${awaited.id}`;
    await stage.on
      .admin`insert into task_dependencies values (${id}, ${awaited.id}, ${stage.ada.organizationId})`;
    return (await store.release(stage.worker, { ids: [awaited.id], limit: 1, dispatch: DISPATCH })).moved[0];
  },
  claim: async (id) =>
    (await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed[0],
  complete: async (id) =>
    (await store.settle(stage.worker, [{ id, attempt: 1, kind: 'complete', result: 1 }], DISPATCH))[0],
  retry: async (id) =>
    (
      await store.settle(stage.worker, [{ id, attempt: 1, kind: 'retry', error, delaySeconds: 5 }], DISPATCH)
    )[0],
  fail: async (id) =>
    (await store.settle(stage.worker, [{ id, attempt: 1, kind: 'fail', error }], DISPATCH))[0],
  cancel: (id) => asMember(stage.api, stage.ada, (tx) => store.cancel(tx, id)),
  abort: async (id) => {
    await stage.on.admin`update tasks set cancel_requested_at = now() where id = ${id}`;
    return (await store.settle(stage.worker, [{ id, attempt: 1, kind: 'fail', error }], DISPATCH))[0];
  },
  rescue: async (id) => {
    await stage.on
      .admin`update tasks set lease_until = now() - interval '1 second' where id = ${id} and status = 'RUNNING'`;
    return (await store.rescue(stage.dispatcher, [id], 1))[0];
  },
  reschedule: (id) =>
    asMember(stage.api, stage.ada, (tx) =>
      store.reschedule(tx, {
        id,
        scheduledTime: new Date(Date.now() + 60_000).toISOString(),
        dispatch: DISPATCH,
      }),
    ),
  requeue: (id) => asMember(stage.api, stage.ada, (tx) => store.requeue(tx, id, DISPATCH)),
};

test('statements of workers and the dispatcher return no payload and no description, which may be large', async () => {
  const large = { payload: { much: 'x'.repeat(1_000) }, description: 'long' };
  const [one, other] = [
    await insertTask(stage.api, stage.ada, large),
    await insertTask(stage.api, stage.ada, large),
  ];
  await store.claim(stage.worker, { ids: [one.id, other.id], leaseSeconds: LEASE, soonSeconds: 0 });
  const [reported] = await store.report(stage.worker, [
    { id: one.id, attempt: 1, progress: { fraction: 0.5, note: null, at: '' } },
  ]);
  const [settled] = await store.settle(
    stage.worker,
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
        const { id } = await insertTask(stage.api, stage.ada);
        await force(stage.on.admin, id, status);
        const [before] = await stage.on
          .admin`select *, cancel_requested_at is null as uncancelled from tasks where id = ${id}`;
        const moved = await attempt(id);
        const [after] = await stage.on.admin`select * from tasks where id = ${id}`;
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
    const { id } = await insertTask(stage.api, stage.ada);
    await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    await stage.on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    await store.rescue(stage.dispatcher, [id], 1);
    await stage.on.admin`update tasks set run_at = now() where id = ${id}`;
    const { claimed } = await store.claim(stage.worker, {
      ids: [id],
      leaseSeconds: LEASE,
      soonSeconds: 0,
      alone: true,
    });
    expect(claimed[0]?.attempt).toBe(2);
    expect(
      await store.settle(stage.worker, [{ id, attempt: 1, kind: 'complete', result: 'late' }], DISPATCH),
    ).toEqual([]);
    expect(await statusOf(stage.on.admin, id)).toBe('RUNNING');
    expect(await store.renew(stage.worker, [{ id, attempt: 1 }], LEASE)).toEqual([]);
  });

  test('an outcome that is reported twice is recorded once', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 });
    const outcome = { id, attempt: 1, kind: 'complete', result: { n: 1 } } as const;
    expect(await store.settle(stage.worker, [outcome], DISPATCH)).toHaveLength(1);
    expect(await store.settle(stage.worker, [outcome], DISPATCH)).toHaveLength(0);
    expect(await stage.on.admin`select * from attempts where task_id = ${id}`).toHaveLength(1);
  });

  test('one of many parallel claims gets the task', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    const workers = Array.from({ length: 8 }, () => stage.on.as('worker'));
    const claims = await Promise.all(
      workers.map((db) => store.claim(db, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })),
    );
    expect(claims.flatMap((claim) => claim.claimed)).toHaveLength(1);
  });
});

describe('claim', () => {
  test('a task is not claimed before its time, and is returned when it is due soon', async () => {
    const soon = await insertTask(stage.api, stage.ada, {
      scheduledTime: new Date(Date.now() + 60_000).toISOString(),
    });
    const later = await insertTask(stage.api, stage.ada, {
      scheduledTime: new Date(Date.now() + 600_000).toISOString(),
    });
    const answer = await store.claim(stage.worker, {
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

  test('a due task with a locked row is distinguished from a task that another worker has', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    await stage.on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${id} for update`;
      const answer = await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 });
      expect(answer).toEqual({
        claimed: [],
        unclaimed: [{ id, dueInSeconds: expect.any(Number), suspect: false, missing: null }],
        vacated: [],
      });
    });
    expect(
      (await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 })).claimed,
    ).toHaveLength(1);
    expect(await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 })).toEqual({
      claimed: [],
      unclaimed: [],
      vacated: [],
    });
  });

  test('a task that has crashed is claimed only alone', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    await stage.on.admin`update tasks set crashes = 1 where id = ${id}`;
    const answer = await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2 });
    expect(answer).toEqual({
      claimed: [],
      unclaimed: [{ id, dueInSeconds: expect.any(Number), suspect: true, missing: null }],
      vacated: [],
    });
    expect(
      (await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 2, alone: true }))
        .claimed,
    ).toHaveLength(1);
  });

  test('one statement claims, and one settles, however many tasks there are', async () => {
    const tasks = Array.from({ length: 300 }, () => newTask());
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    const { claimed } = await store.claim(stage.worker, {
      ids: tasks.map((task) => task.id),
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    expect(claimed).toHaveLength(300);
    const outcomes = claimed.map(
      ({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null }) as const,
    );
    expect(await store.settle(stage.worker, outcomes, DISPATCH)).toHaveLength(300);
  });
});
