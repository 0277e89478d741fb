import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import * as store from '../store/index.ts';
import { DISPATCH, insertTask, newTask, statusOf } from '../verification/fixtures.ts';
import { FULL, LONG, workerStage } from './testing/worker-stage.ts';
import { execute } from './worker.ts';

const stage = workerStage();
const { rowOf, worker } = stage;

describe('a cancel', () => {
  test('before the start means that it never runs', async () => {
    let ran = false;
    stage.handlers = {
      'test.ran': async () => {
        ran = true;
        return null;
      },
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.ran' });
    await asMember(stage.api, stage.ada, (tx) => store.cancel(tx, id));
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(ran).toBe(false);
    expect(await statusOf(stage.on.admin, id)).toBe('CANCELLED');
  });

  test('of a running task aborts its handler, and is recorded as cancelled', async () => {
    stage.limits = LONG;
    stage.handlers = {
      'test.long': async ({ signal }) => {
        await sleep(60_000, undefined, { signal }).catch(() => {});
        throw signal.reason;
      },
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.long' });
    const working = execute(stage.deps, [id], { remainingSeconds: FULL });
    await expect.poll(() => statusOf(stage.on.admin, id)).toBe('RUNNING');
    expect((await asMember(stage.api, stage.ada, (tx) => store.cancel(tx, id)))?.status).toBe('RUNNING');
    await working;
    expect(await rowOf(id)).toMatchObject({ status: 'CANCELLED', error: null });
    const [ledger] = await stage.on.admin`select * from attempts where task_id = ${id}`;
    expect(ledger).toMatchObject({ outcome: 'aborted', error: { code: 'cancelled' } });
  });
});

describe('time', () => {
  test('a task starts at or after its time by the database clock, and waits in the worker for the last fraction', async () => {
    stage.handlers = { 'test.timed': async () => null };
    const scheduledTime = new Date(Date.now() + 700).toISOString();
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.timed', scheduledTime });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    const [row] = await stage.on
      .admin`select status, started_at >= run_at as "notEarly" from tasks where id = ${id}`;
    expect(row).toEqual({ status: 'COMPLETED', notEarly: true });
  });

  test('several tasks start each at its own time', async () => {
    stage.handlers = { 'test.timed': async () => null };
    const times = [300, 4_000].map((milliseconds) => new Date(Date.now() + milliseconds).toISOString());
    const tasks = await Promise.all(
      times.map((scheduledTime) => insertTask(stage.api, stage.ada, { kind: 'test.timed', scheduledTime })),
    );
    // The second is soon, but so much later that a stall of this machine cannot merge the two.
    const working = execute(
      stage.deps,
      tasks.map((task) => task.id),
      {
        remainingSeconds: FULL,
        statements: { ...store, claim: (db, given) => store.claim(db, { ...given, soonSeconds: 60 }) },
      },
    );
    const first = tasks[0]?.id ?? '';
    await expect.poll(() => statusOf(stage.on.admin, first)).toBe('COMPLETED');
    expect(await statusOf(stage.on.admin, tasks[1]?.id ?? '')).toBe('SCHEDULED');
    await working;
    expect(await statusOf(stage.on.admin, tasks[1]?.id ?? '')).toBe('COMPLETED');
  });

  test('a row that is locked when its message comes is claimed when it is free', async () => {
    stage.handlers = { 'test.ok': async () => null };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.ok' });
    let working: Promise<void> = Promise.resolve();
    const answers: number[] = [];
    await stage.on.admin.begin(async (tx) => {
      // A statement that begins to watch the task locks its row like this.
      await tx`update tasks set watchers = watchers where id = ${id}`;
      working = execute(stage.deps, [id], {
        remainingSeconds: FULL,
        statements: {
          ...store,
          claim: async (...asked) => {
            const answer = await store.claim(...asked);
            answers.push(answer.claimed.length);
            return answer;
          },
        },
      });
      await expect.poll(() => answers.length).toBeGreaterThan(2);
    });
    await working;
    expect(answers.slice(0, 3)).toEqual([0, 0, 0]);
    expect(await statusOf(stage.on.admin, id)).toBe('COMPLETED');
  });

  test('an invocation that runs out of time hands the rest back', async () => {
    stage.handlers = { 'test.ok': async () => null };
    const ids = await Promise.all(
      Array.from(
        { length: 120 },
        async () => (await insertTask(stage.api, stage.ada, { kind: 'test.ok' })).id,
      ),
    );
    let asked = 0;
    await execute(stage.deps, ids, { remainingSeconds: () => (asked++ === 0 ? 900 : 20) });
    const rows = await stage.on
      .admin`select status, next_dispatch_at <= now() as due from tasks where id = any (${ids}::uuid[])`;
    expect(rows.filter((row) => row.status === 'COMPLETED')).toHaveLength(100);
    expect(rows.filter((row) => row.status === 'SCHEDULED' && row.due)).toHaveLength(20);
  });
});

describe('a task that has crashed before', () => {
  test('runs alone, after the others, and is not claimed before its turn', async () => {
    const order: string[] = [];
    const claimedMeanwhile: number[] = [];
    stage.handlers = {
      'test.alone': async ({ taskId }) => {
        order.push(taskId);
        const [row] = await stage.on
          .admin`select count(*)::int as count from tasks where status = 'RUNNING' and kind = 'test.alone'`;
        claimedMeanwhile.push(row?.count);
        return null;
      },
    };
    const suspects = await Promise.all(
      [1, 2, 3].map(() => insertTask(stage.api, stage.ada, { kind: 'test.alone' })),
    );
    const fresh = await insertTask(stage.api, stage.ada, { kind: 'test.alone' });
    await stage.on
      .admin`update tasks set crashes = 1 where id = any (${suspects.map((task) => task.id)}::uuid[])`;
    await execute(
      stage.deps,
      [...suspects, fresh].map((task) => task.id),
      { remainingSeconds: FULL },
    );
    expect(order[0]).toBe(fresh.id);
    expect(order).toHaveLength(4);
    expect(claimedMeanwhile).toEqual([1, 1, 1, 1]);
  });
});

describe('a follow-up of an outcome', () => {
  test('delays no other outcome, and fails none', async () => {
    stage.handlers = {
      'test.boom': () => Promise.reject(new Error('boom')),
      'test.later': async () => sleep(50).then(() => null),
    };
    const ids = [
      (await insertTask(stage.api, stage.ada, { kind: 'test.boom' })).id,
      (await insertTask(stage.api, stage.ada, { kind: 'test.later' })).id,
    ];
    let release = () => {};
    const stuck = new Promise<string[]>((_resolve, reject) => {
      release = () => reject(new Error('the queue is away'));
    });
    stuck.catch(() => {});
    const working = execute({ ...stage.deps, enqueue: () => stuck }, ids, { remainingSeconds: FULL });
    await expect.poll(() => statusOf(stage.on.admin, ids[1] ?? '')).toBe('COMPLETED');
    release();
    await working;
    expect(await statusOf(stage.on.admin, ids[0] ?? '')).toBe('SCHEDULED');
  });
});

describe('several workers', () => {
  test('messages that come three times and in random order run every task once', async () => {
    const starts = new Map<string, number>();
    let overlapping = 0;
    const running = new Set<string>();
    stage.handlers = {
      'test.once': async ({ taskId }) => {
        if (running.has(taskId)) overlapping += 1;
        running.add(taskId);
        starts.set(taskId, (starts.get(taskId) ?? 0) + 1);
        await sleep(Math.random() * 20);
        running.delete(taskId);
        return null;
      },
    };
    const tasks = Array.from({ length: 120 }, () => newTask({ kind: 'test.once' }));
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    const messages = [...tasks, ...tasks, ...tasks].map((task) => task.id).sort(() => Math.random() - 0.5);
    const workers = Array.from({ length: 4 }, worker);
    await Promise.all(
      workers.map(async (mine) => {
        for (let batch = messages.splice(0, 10); batch.length > 0; batch = messages.splice(0, 10)) {
          await execute(mine, batch, { remainingSeconds: FULL });
        }
      }),
    );
    expect(overlapping).toBe(0);
    expect([...starts.values()].every((count) => count === 1)).toBe(true);
    expect(starts.size).toBe(120);
    const finals = await stage.on.admin`
      select count(*)::int as count from attempts where task_id = any (${tasks.map((task) => task.id)}::uuid[]) and outcome = 'completed'`;
    expect(finals[0]?.count).toBe(120);
  });

  test('a worker that lost its lease is interrupted and changes nothing', async () => {
    const reasons: unknown[] = [];
    stage.limits = LONG;
    stage.handlers = {
      'test.lost': async ({ signal }) => {
        await sleep(60_000, undefined, { signal }).catch(() => {});
        reasons.push(signal.reason?.code);
        throw signal.reason;
      },
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.lost' });
    const working = execute(stage.deps, [id], { remainingSeconds: FULL });
    await expect.poll(() => statusOf(stage.on.admin, id)).toBe('RUNNING');
    await stage.on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    await store.rescue(stage.on.as('dispatcher'), [id], 1);
    await working;
    expect(reasons).toEqual(['lease_lost']);
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'worker_crashed' } });
  });
});

test('a single task costs three statements: one to insert, one to claim, one to settle', async () => {
  stage.handlers = { 'test.ok': async () => null };
  await execute(stage.deps, [(await insertTask(stage.api, stage.ada, { kind: 'test.ok' })).id], {
    remainingSeconds: FULL,
  });
  const calls = async () => {
    const [row] = await stage.on.admin<{ calls: number }[]>`
      select sum(calls)::int as calls from pg_stat_statements s join pg_roles r on r.oid = s.userid
      where toplevel and rolname like 'celeriac%' and dbid = (select oid from pg_database where datname = current_database())`;
    return row?.calls ?? 0;
  };
  await stage.on.admin`create extension if not exists pg_stat_statements`;
  const before = await calls();
  // No lease is renewed meanwhile, however slow this machine is.
  const statements = { ...store, renew: () => new Promise<never>(() => {}) };
  await execute(stage.deps, [(await insertTask(stage.api, stage.ada, { kind: 'test.ok' })).id], {
    remainingSeconds: FULL,
    statements,
  });
  expect((await calls()) - before).toBe(3);
});
