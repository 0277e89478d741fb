import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { asMember } from '../../database/enter.ts';
import { type Member, type Stand, stand } from '../../database/testing/stand.ts';
import {
  type Duration,
  defineTask,
  type Json,
  PermanentError,
  RetryError,
  type TaskContext,
} from '../define-task.ts';
import * as store from '../store/index.ts';
import type { Task, WakeUp, Watched } from '../task.ts';
import {
  DISPATCH,
  inlineTasks,
  insertTask,
  newTask,
  recordedEvents,
  statusOf,
} from '../verification/fixtures.ts';
import { type ExecuteDeps, execute } from './worker.ts';

let on: Stand;
let ada: Member;
let api: ReturnType<Stand['as']>;
let deps: ExecuteDeps;
let handlers: Record<string, (context: TaskContext) => Promise<Json>>;
let limits: { soft: Duration; hard: Duration };
let announced: Watched<Task>[];
let woken: WakeUp[];
let told: ReturnType<typeof recordedEvents>;
const artifacts = new Map<string, string>();

const FULL = () => 900;

/** Limits for tests in which an attempt ends for another reason, however long that takes. */
const LONG = { soft: '60s', hard: '90s' } as const;

function worker(): ExecuteDeps {
  return {
    db: on.as('worker'),
    dispatch: DISPATCH,
    leaseSeconds: 30,
    fetch: () => Promise.reject(new Error('no network in this test')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    putArtifact: async (key, content) => void artifacts.set(key, content),
    log: () => {},
    ...inlineTasks(() =>
      Object.entries(handlers).map(([kind, handler]) =>
        defineTask({
          kind,
          payload: z.unknown(),
          limits,
          runs: 'inline',
          run: (_payload, context) => handler(context),
        }),
      ),
    ),
    announce(tasks) {
      announced.push(...tasks);
      told.announce(tasks);
    },
    announceReports: () => {},
    enqueue: async (wakeUps) => {
      woken.push(...wakeUps);
      return [];
    },
  };
}

beforeAll(async () => {
  on = await stand();
  ada = await on.member();
  api = on.as('api');
  deps = worker();
});
beforeEach(() => {
  [announced, woken, told] = [[], [], recordedEvents()];
  limits = { soft: '5s', hard: '6s' };
});
afterAll(() => on.close());

async function rowOf(id: string) {
  const [row] = await on.admin`select * from tasks where id = ${id}`;
  if (!row) throw new Error(`no task ${id}`);
  return row;
}

describe('an attempt', () => {
  test('that returns completes the task with its result', async () => {
    handlers = { 'test.ok': async ({ attempt }) => ({ attempt }) };
    const { id } = await insertTask(api, ada, { kind: 'test.ok' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 1,
      result: { attempt: 1 },
      error: null,
    });
    expect(announced.map((task) => task.status)).toEqual(['RUNNING', 'COMPLETED']);
    expect(announced.map((task) => task.seq)).toEqual([2, 3]);
    expect(await told.heard()).toMatchObject([{ type: 'task.finished', subject: id }]);
  });

  test('that throws is retried by its own message after a backoff', async () => {
    handlers = { 'test.boom': () => Promise.reject(new Error('boom')) };
    const { id } = await insertTask(api, ada, { kind: 'test.boom' });
    await execute(deps, [id], { remainingSeconds: FULL });
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'SCHEDULED', error: { code: 'handler_failed', message: 'boom' } });
    expect(row.run_at.getTime() - row.updated_at.getTime()).toBeLessThanOrEqual(4_000);
    expect(woken).toEqual([
      expect.objectContaining({ ids: [id], queue: 'interactive', organizationId: ada.organizationId }),
    ]);
    expect(await told.heard()).toEqual([]);
  });

  test('that throws a permanent error fails the task at once', async () => {
    handlers = {
      'test.never': () => Promise.reject(new PermanentError('bad_csv', 'line 3', { details: { line: 3 } })),
    };
    const { id } = await insertTask(api, ada, { kind: 'test.never' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'bad_csv', message: 'line 3', line: 3 },
    });
    expect(woken).toEqual([]);
  });

  test('may ask to be retried no sooner than it says', async () => {
    handlers = {
      'test.busy': () => Promise.reject(new RetryError('busy', 'come back', { afterSeconds: 3_600 })),
    };
    const { id } = await insertTask(api, ada, { kind: 'test.busy' });
    await execute(deps, [id], { remainingSeconds: FULL });
    const row = await rowOf(id);
    expect(row.run_at.getTime() - row.started_at.getTime()).toBeGreaterThanOrEqual(3_600_000);
    // Too late for a message now. The dispatcher sends it when the time is near.
    expect(woken).toEqual([]);
    expect(row.run_at.getTime() - row.next_dispatch_at.getTime()).toBe(DISPATCH.lookaheadSeconds * 1000);
  });

  test('of a kind that this worker does not know waits for one that does', async () => {
    handlers = {};
    const { id } = await insertTask(api, ada, { kind: 'test.unknown' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'kind_unknown' } });
  });

  test('that throws what Postgres cannot store is settled all the same, and so are its neighbours', async () => {
    handlers = {
      'test.ok': async () => null,
      'test.nul': () => Promise.reject(new Error('bad \0 byte')),
      'test.cut': () =>
        Promise.reject(new PermanentError('cut', `${'x'.repeat(999)}😀😀`, { details: { text: '\ud800' } })),
    };
    const kinds = ['test.ok', 'test.nul', 'test.cut', 'test.ok'];
    const ids = await Promise.all(kinds.map(async (kind) => (await insertTask(api, ada, { kind })).id));
    await execute(deps, ids, { remainingSeconds: FULL });
    const statuses = await Promise.all(ids.map((id) => statusOf(on.admin, id)));
    expect(statuses).toEqual(['COMPLETED', 'SCHEDULED', 'FAILED', 'COMPLETED']);
  });

  test('that throws what has no words is retried all the same', async () => {
    handlers = {
      'test.bare': () => Promise.reject(Object.create(null)),
      'test.odd': () => Promise.reject(Object.assign(new Error(), { message: Object.create(null) })),
    };
    const kinds = ['test.bare', 'test.odd'];
    const ids = await Promise.all(kinds.map(async (kind) => (await insertTask(api, ada, { kind })).id));
    await execute(deps, ids, { remainingSeconds: FULL });
    for (const id of ids)
      expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'handler_failed' } });
  });

  test('past its soft limit is told to stop, and retried', async () => {
    limits = { soft: '0.1s', hard: '5s' };
    handlers = {
      'test.slow': async ({ signal }) => {
        await sleep(5_000, undefined, { signal }).catch(() => {});
        throw signal.reason;
      },
    };
    const { id } = await insertTask(api, ada, { kind: 'test.slow' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'soft_limit_exceeded' } });
  });

  test('that ignores its soft limit is given up at the hard one', async () => {
    limits = { soft: '0.05s', hard: '0.1s' };
    handlers = { 'test.deaf': () => new Promise(() => {}) };
    const { id } = await insertTask(api, ada, { kind: 'test.deaf', maxRetries: 0 });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'hard_limit_exceeded' } });
  });

  test('whose result is no JSON that Postgres stores still completes, cleaned', async () => {
    handlers = { 'test.nul': async () => ({ text: 'a\u0000b\ud800' }) };
    const { id } = await insertTask(api, ada, { kind: 'test.nul' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect((await rowOf(id)).result).toEqual({ text: 'a\ufffdb\ufffd' });
  });

  for (const [what, bytes, isInRow] of [
    ['as large as the row keeps is in the row', 262_144, true],
    ['larger than that is in the bucket, and the row says where', 262_145, false],
  ] as const) {
    test(`whose result is ${what}`, async () => {
      const result = 'x'.repeat(bytes - 2);
      handlers = { 'test.large': async () => result };
      const { id, organizationId } = await insertTask(api, ada, { kind: 'test.large' });
      await execute(deps, [id], { remainingSeconds: FULL });
      const key = `results/${organizationId}/${id}/1.json`;
      expect(await rowOf(id)).toMatchObject({
        status: 'COMPLETED',
        result: isInRow ? result : null,
        artifact: isInRow ? null : { key, bytes },
      });
      expect(artifacts.get(key)).toBe(isInRow ? undefined : JSON.stringify(result));
    });
  }

  test('whose result the bucket does not take is tried again', async () => {
    handlers = { 'test.large': async () => 'x'.repeat(300_000) };
    const { id } = await insertTask(api, ada, { kind: 'test.large' });
    await execute({ ...deps, putArtifact: () => Promise.reject(new Error('S3 is away')) }, [id], {
      remainingSeconds: FULL,
    });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'result_not_stored' } });
  });

  test('whose result is too large even for the bucket fails, and says how large', async () => {
    handlers = { 'test.large': async () => 'x'.repeat(32 * 1024 * 1024) };
    const { id } = await insertTask(api, ada, { kind: 'test.large' });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'result_too_large' } });
  });
});

test('after a manual retry the delays begin anew', async () => {
  handlers = { 'test.fails': () => Promise.reject(new Error('boom')) };
  const retryPolicy = { base: 10, factor: 10, cap: 10_000, jitter: 'none' } as const;
  const { id } = await insertTask(api, ada, { kind: 'test.fails', maxRetries: 1, retryPolicy });
  const delay = async () => {
    await execute(deps, [id], { remainingSeconds: FULL });
    const [last] = await on.admin`
      select delay_seconds from attempts where task_id = ${id} order by attempt desc limit 1`;
    return last?.delay_seconds;
  };
  expect(await delay()).toBe(100);
  await on.admin`update tasks set run_at = now() where id = ${id}`;
  await execute(deps, [id], { remainingSeconds: FULL });
  expect(await statusOf(on.admin, id)).toBe('FAILED');
  await asMember(api, ada, (tx) => store.requeue(tx, id, DISPATCH));
  expect(await delay()).toBe(100);
});

test('a batch is told of when it is finished, and its tasks are not told of one by one', async () => {
  handlers = { 'test.quick': async () => null };
  const tasks = Array.from({ length: 5 }, () => newTask({ kind: 'test.quick', queue: 'bulk' }));
  const batch = { id: newTask().id, name: 'Five', queue: 'bulk' } as const;
  await store.insertBatch(api, { principal: ada, organizationId: null, batch, tasks, dispatch: DISPATCH });
  const ids = tasks.map(({ id }) => id);
  await execute(deps, ids.slice(0, 2), { remainingSeconds: FULL });
  expect(await told.heard()).toEqual([]);
  await execute(deps, ids, { remainingSeconds: FULL });
  expect(await told.heard()).toMatchObject([
    { type: 'batch.finished', subject: batch.id, data: { total: 5, completed: 5, failed: 0 } },
  ]);
});

describe('a cancel', () => {
  test('before the start means that it never runs', async () => {
    let ran = false;
    handlers = {
      'test.ran': async () => {
        ran = true;
        return null;
      },
    };
    const { id } = await insertTask(api, ada, { kind: 'test.ran' });
    await asMember(api, ada, (tx) => store.cancel(tx, id));
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(ran).toBe(false);
    expect(await statusOf(on.admin, id)).toBe('CANCELLED');
  });

  test('of a running task aborts its handler, and is recorded as cancelled', async () => {
    limits = LONG;
    handlers = {
      'test.long': async ({ signal }) => {
        await sleep(60_000, undefined, { signal }).catch(() => {});
        throw signal.reason;
      },
    };
    const { id } = await insertTask(api, ada, { kind: 'test.long' });
    const working = execute(deps, [id], { remainingSeconds: FULL });
    await expect.poll(() => statusOf(on.admin, id)).toBe('RUNNING');
    expect((await asMember(api, ada, (tx) => store.cancel(tx, id)))?.status).toBe('RUNNING');
    await working;
    expect(await rowOf(id)).toMatchObject({ status: 'CANCELLED', error: null });
    const [ledger] = await on.admin`select * from attempts where task_id = ${id}`;
    expect(ledger).toMatchObject({ outcome: 'aborted', error: { code: 'cancelled' } });
  });
});

describe('time', () => {
  test('a task starts at or after its time by the database clock, and waits in the worker for the last fraction', async () => {
    handlers = { 'test.timed': async () => null };
    const scheduledTime = new Date(Date.now() + 700).toISOString();
    const { id } = await insertTask(api, ada, { kind: 'test.timed', scheduledTime });
    await execute(deps, [id], { remainingSeconds: FULL });
    const [row] =
      await on.admin`select status, started_at >= run_at as "notEarly" from tasks where id = ${id}`;
    expect(row).toEqual({ status: 'COMPLETED', notEarly: true });
  });

  test('of tasks that become due one after the other, each starts in its own time', async () => {
    handlers = { 'test.timed': async () => null };
    const times = [300, 4_000].map((milliseconds) => new Date(Date.now() + milliseconds).toISOString());
    const tasks = await Promise.all(
      times.map((scheduledTime) => insertTask(api, ada, { kind: 'test.timed', scheduledTime })),
    );
    // The second is soon, but so much later that a stall of this machine cannot merge the two.
    const working = execute(
      deps,
      tasks.map((task) => task.id),
      {
        remainingSeconds: FULL,
        statements: { ...store, claim: (db, given) => store.claim(db, { ...given, soonSeconds: 60 }) },
      },
    );
    const first = tasks[0]?.id ?? '';
    await expect.poll(() => statusOf(on.admin, first)).toBe('COMPLETED');
    expect(await statusOf(on.admin, tasks[1]?.id ?? '')).toBe('SCHEDULED');
    await working;
    expect(await statusOf(on.admin, tasks[1]?.id ?? '')).toBe('COMPLETED');
  });

  test('a row that is locked when its message comes is claimed when it is free', async () => {
    handlers = { 'test.ok': async () => null };
    const { id } = await insertTask(api, ada, { kind: 'test.ok' });
    let working: Promise<void> = Promise.resolve();
    const answers: number[] = [];
    await on.admin.begin(async (tx) => {
      // A statement that begins to watch the task locks its row like this.
      await tx`update tasks set watchers = watchers where id = ${id}`;
      working = execute(deps, [id], {
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
    expect(await statusOf(on.admin, id)).toBe('COMPLETED');
  });

  test('an invocation that runs out of time hands the rest back', async () => {
    handlers = { 'test.ok': async () => null };
    const ids = await Promise.all(
      Array.from({ length: 120 }, async () => (await insertTask(api, ada, { kind: 'test.ok' })).id),
    );
    let asked = 0;
    await execute(deps, ids, { remainingSeconds: () => (asked++ === 0 ? 900 : 20) });
    const rows =
      await on.admin`select status, next_dispatch_at <= now() as due from tasks where id = any (${ids}::uuid[])`;
    expect(rows.filter((row) => row.status === 'COMPLETED')).toHaveLength(100);
    expect(rows.filter((row) => row.status === 'SCHEDULED' && row.due)).toHaveLength(20);
  });
});

describe('what has taken a worker down before', () => {
  test('runs alone, after the others, and none of it is claimed before its turn', async () => {
    const order: string[] = [];
    const claimedMeanwhile: number[] = [];
    handlers = {
      'test.alone': async ({ taskId }) => {
        order.push(taskId);
        const [row] =
          await on.admin`select count(*)::int as count from tasks where status = 'RUNNING' and kind = 'test.alone'`;
        claimedMeanwhile.push(row?.count);
        return null;
      },
    };
    const suspects = await Promise.all([1, 2, 3].map(() => insertTask(api, ada, { kind: 'test.alone' })));
    const fresh = await insertTask(api, ada, { kind: 'test.alone' });
    await on.admin`update tasks set crashes = 1 where id = any (${suspects.map((task) => task.id)}::uuid[])`;
    await execute(
      deps,
      [...suspects, fresh].map((task) => task.id),
      { remainingSeconds: FULL },
    );
    expect(order[0]).toBe(fresh.id);
    expect(order).toHaveLength(4);
    expect(claimedMeanwhile).toEqual([1, 1, 1, 1]);
  });
});

describe('what follows from an outcome', () => {
  test('delays no other outcome, and fails none', async () => {
    handlers = {
      'test.boom': () => Promise.reject(new Error('boom')),
      'test.later': async () => sleep(50).then(() => null),
    };
    const ids = [
      (await insertTask(api, ada, { kind: 'test.boom' })).id,
      (await insertTask(api, ada, { kind: 'test.later' })).id,
    ];
    let release = () => {};
    const stuck = new Promise<string[]>((_resolve, reject) => {
      release = () => reject(new Error('the queue is away'));
    });
    stuck.catch(() => {});
    const working = execute({ ...deps, enqueue: () => stuck }, ids, { remainingSeconds: FULL });
    await expect.poll(() => statusOf(on.admin, ids[1] ?? '')).toBe('COMPLETED');
    release();
    await working;
    expect(await statusOf(on.admin, ids[0] ?? '')).toBe('SCHEDULED');
  });
});

describe('several workers', () => {
  test('messages that come three times and in random order run every task once', async () => {
    const starts = new Map<string, number>();
    let overlapping = 0;
    const running = new Set<string>();
    handlers = {
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
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
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
    const finals = await on.admin`
      select count(*)::int as count from attempts where task_id = any (${tasks.map((task) => task.id)}::uuid[]) and outcome = 'completed'`;
    expect(finals[0]?.count).toBe(120);
  });

  test('a worker that lost its lease is interrupted and changes nothing', async () => {
    const reasons: unknown[] = [];
    limits = LONG;
    handlers = {
      'test.lost': async ({ signal }) => {
        await sleep(60_000, undefined, { signal }).catch(() => {});
        reasons.push(signal.reason?.code);
        throw signal.reason;
      },
    };
    const { id } = await insertTask(api, ada, { kind: 'test.lost' });
    const working = execute(deps, [id], { remainingSeconds: FULL });
    await expect.poll(() => statusOf(on.admin, id)).toBe('RUNNING');
    await on.admin`update tasks set lease_until = now() - interval '1 second' where id = ${id}`;
    await store.rescue(on.as('dispatcher'), [id], 1);
    await working;
    expect(reasons).toEqual(['lease_lost']);
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'worker_crashed' } });
  });
});

test('a single task costs three statements: one to insert, one to claim, one to settle', async () => {
  handlers = { 'test.ok': async () => null };
  await execute(deps, [(await insertTask(api, ada, { kind: 'test.ok' })).id], { remainingSeconds: FULL });
  const calls = async () => {
    const [row] = await on.admin<{ calls: number }[]>`
      select sum(calls)::int as calls from pg_stat_statements s join pg_roles r on r.oid = s.userid
      where toplevel and rolname like 'celeriac%' and dbid = (select oid from pg_database where datname = current_database())`;
    return row?.calls ?? 0;
  };
  await on.admin`create extension if not exists pg_stat_statements`;
  const before = await calls();
  // No lease is renewed meanwhile, however slow this machine is.
  const statements = { ...store, renew: () => new Promise<never>(() => {}) };
  await execute(deps, [(await insertTask(api, ada, { kind: 'test.ok' })).id], {
    remainingSeconds: FULL,
    statements,
  });
  expect((await calls()) - before).toBe(3);
});
