import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { asMember } from '../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { noArtifacts } from '../artifacts/testing/no-artifacts.ts';
import { defineTask, type TaskContext } from '../define-task.ts';
import { askNoInputs } from '../inputs/testing/no-inputs.ts';
import * as store from '../store/index.ts';
import type { Task, Watched } from '../task.ts';
import { DISPATCH, insertTask, statusOf } from '../verification/fixtures.ts';
import { type Runners, startRunners } from './process-pool/pool.ts';
import { ISOLATED_KINDS } from './process-pool/testing/kinds.ts';
import { type ExecuteDeps, execute } from './worker.ts';

// The tests start, fill and kill processes.
vi.setConfig({ testTimeout: 60_000 });

let on: DatabaseFixture;
let ada: Member;
let api: ReturnType<DatabaseFixture['as']>;
let runners: Runners;
let deps: ExecuteDeps;
let reported: Watched<Task>[];
let announced: Watched<Task>[];
let logged: [string, Record<string, unknown>][];

const FULL = () => 900;

/** The runners' program is source code here. Its imports may be anywhere in the repository. */
const REPOSITORY = new URL('../../../', import.meta.url);

/** For tests that count statements: no lease is renewed meanwhile, however slow this machine is. */
const NO_BEAT = { ...store, renew: () => new Promise<never>(() => {}) };

/** A kind that runs inline, beside the isolated ones. */
const INLINE = defineTask({
  kind: 'inline.ok',
  payload: z.unknown(),
  limits: { soft: '5s', hard: '6s' },
  runs: 'inline',
  run: async (_payload, { progress, log }: TaskContext) => {
    progress(1, 'done');
    log('info', 'hello', { to: 'all' });
    return null;
  },
});

beforeAll(async () => {
  on = await databaseFixture();
  ada = await on.member();
  api = on.as('api');
  runners = startRunners({
    program: new URL('./process-pool/testing/program.ts', import.meta.url),
    environment: { PATH: process.env.PATH },
    readable: REPOSITORY,
    heapMiB: 96,
    size: 2,
    memoryMiB: 300,
  });
  deps = {
    db: on.as('worker'),
    dispatch: DISPATCH,
    leaseSeconds: 30,
    kinds: new Map([...ISOLATED_KINDS, [INLINE.kind, INLINE]]),
    taskOf: (name) => (name === INLINE.kind ? INLINE : undefined),
    runners,
    fetch: () => Promise.reject(new Error('no network in this test')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    putArtifact: () => Promise.reject(new Error('no bucket in this test')),
    artifactsOf: noArtifacts,
    inputsOf: () => askNoInputs,
    log: (_level, message, fields) => logged.push([message, fields]),
    announce: (tasks) => announced.push(...tasks),
    announceReports: (tasks) => reported.push(...tasks),
    enqueue: async () => [],
  };
});
beforeEach(() => {
  [reported, announced, logged] = [[], [], []];
});
afterAll(async () => {
  await runners.stop();
  await on.close();
});

async function insert(kind: string, given: Partial<store.NewTask> = {}): Promise<string> {
  return (await insertTask(api, ada, { kind, payload: {}, ...given })).id;
}

async function rowOf(id: string) {
  const [row] = await on.admin`
    select t.*, lease_until > clock_timestamp() as "isLeased", next_dispatch_at <= clock_timestamp() as "isSentAgain"
    from tasks t where id = ${id}`;
  if (!row) throw new Error(`no task ${id}`);
  return row;
}

const ledgerOf = (id: string) => on.admin`select * from attempts where task_id = ${id} order by attempt`;

describe('an isolated attempt', () => {
  test('completes its task with its result', async () => {
    const id = await insert('isolated.echo', { payload: { a: 1 } });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'COMPLETED',
      result: { taskId: id, attempt: 1, idempotencyKey: id, payload: { a: 1 } },
    });
  });

  test('that spins is stopped at its hard limit, and until then its lease is renewed and its neighbours complete', async () => {
    // Start both runners first, so that tasks with limits do not wait for the start of a process.
    await execute(deps, [await insert('isolated.echo'), await insert('isolated.echo')], {
      remainingSeconds: FULL,
    });
    const limits = { softSeconds: 5, hardSeconds: 8 };
    const leaseSeconds = 2;
    const spinning = await insert('isolated.spin', { ...limits, maxRetries: 0 });
    const neighbours = [
      await insert('isolated.echo'),
      await insert('inline.ok'),
      await insert('isolated.echo'),
    ];
    const working = execute({ ...deps, leaseSeconds }, [spinning, ...neighbours], { remainingSeconds: FULL });
    for (const id of neighbours) await expect.poll(() => statusOf(on.admin, id)).toBe('COMPLETED');
    const before = await rowOf(spinning);
    expect(before.status).toBe('RUNNING');
    const renewedFor = async () => {
      const { isLeased, lease_until: until } = await rowOf(spinning);
      return isLeased ? (until - before.lease_until) / 1000 : 0;
    };
    // Longer than the lease.
    await expect.poll(renewedFor).toBeGreaterThan(leaseSeconds);
    expect(await statusOf(on.admin, spinning)).toBe('RUNNING');
    await working;
    expect(await rowOf(spinning)).toMatchObject({ status: 'FAILED', error: { code: 'hard_limit_exceeded' } });
  });

  test.each([
    ['fills its memory', 'isolated.list', 'memory_exceeded'],
    ['exits', 'isolated.exit', 'handler_crashed'],
  ])('that %s is retried, and its neighbours are not hurt', async (_what, kind, code) => {
    const [bad, good, inline] = [
      await insert(kind),
      await insert('isolated.echo'),
      await insert('inline.ok'),
    ];
    await execute(deps, [bad, good, inline], { remainingSeconds: FULL });
    expect(await rowOf(bad)).toMatchObject({ status: 'SCHEDULED', crashes: 0, error: { code } });
    expect(await ledgerOf(bad)).toMatchObject([{ outcome: 'retried', error: { code } }]);
    expect([await statusOf(on.admin, good), await statusOf(on.admin, inline)]).toEqual([
      'COMPLETED',
      'COMPLETED',
    ]);
  });

  test('gets the signal of a cancel, and its reports before and after are in the ledger and in the log', async () => {
    const id = await insert('isolated.wait');
    const working = execute(deps, [id], { remainingSeconds: FULL });
    await expect.poll(async () => (await ledgerOf(id))[0]?.logs?.[0]?.message).toBe('waiting');
    await asMember(api, ada, (tx) => store.cancel(tx, id));
    await working;
    expect(await statusOf(on.admin, id)).toBe('CANCELLED');
    expect(await ledgerOf(id)).toMatchObject([
      {
        outcome: 'aborted',
        logs: [{ message: 'waiting' }, { message: 'told to stop', fields: { reason: 'cancelled' } }],
      },
    ]);
    expect(logged.map(([message]) => message)).toEqual(['waiting', 'told to stop']);
    // Watchers got the lines with the report, and with the outcome.
    const messages = (rows: readonly Watched<Task>[]) =>
      rows.flatMap((row) => (row.id === id && row.logs ? [row.logs.map(({ message }) => message)] : []));
    expect(messages(reported)[0]).toEqual(['waiting']);
    expect(messages(announced).at(-1)).toEqual(['waiting', 'told to stop']);
    expect(logged[1]?.[1]).toMatchObject({ task_id: id, attempt: 1, reason: 'cancelled' });
  });

  test('past its soft limit is asked to stop, and retried', async () => {
    const id = await insert('isolated.wait', { softSeconds: 0.2, hardSeconds: 20 });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'soft_limit_exceeded' } });
  });
});

describe('a task without room', () => {
  test('is not claimed before a runner is free, and does not keep others waiting', async () => {
    const slow = await Promise.all(
      Array.from({ length: 8 }, () => insert('isolated.wait', { softSeconds: 0.5, hardSeconds: 20 })),
    );
    const quick = await Promise.all(Array.from({ length: 5 }, () => insert('inline.ok')));
    const working = execute(deps, [...slow, ...quick], { remainingSeconds: FULL });
    const running = async () => {
      const [row] = await on.admin`
        select count(*)::int as count from tasks where id = any (${slow}::uuid[]) and status = 'RUNNING'`;
      return row?.count;
    };
    await expect.poll(running).toBe(2);
    for (const id of quick) await expect.poll(() => statusOf(on.admin, id)).toBe('COMPLETED');
    const counts = new Set<number>();
    const done = working.then(() => 'done');
    while ((await Promise.race([done, sleep(20, 'at work')])) === 'at work') counts.add(await running());
    // Two in the runners, and two that have just left them and are being settled.
    expect([...counts].every((count) => count <= 4)).toBe(true);
    expect(await Promise.all(slow.map((id) => statusOf(on.admin, id)))).toEqual(Array(8).fill('SCHEDULED'));
    expect((await Promise.all(slow.map(rowOf))).map(({ attempt }) => attempt)).toEqual(Array(8).fill(1));
  });

  test('in time goes back unclaimed, by the limit of each task', async () => {
    const [long, short] = [
      await insert('isolated.echo', { softSeconds: 500, hardSeconds: 600 }),
      await insert('isolated.echo'),
    ];
    await execute(deps, [long, short], { remainingSeconds: () => 300 });
    expect(await statusOf(on.admin, short)).toBe('COMPLETED');
    expect(await rowOf(long)).toMatchObject({ status: 'SCHEDULED', attempt: 0, isSentAgain: true });
  });

  test('goes back to be sent to another worker when all runners are busy for long', async () => {
    const busy = [await insert('isolated.wait'), await insert('isolated.wait')];
    const waiting = await insert('isolated.echo');
    const working = execute(deps, [...busy, waiting], { remainingSeconds: FULL });
    for (const id of busy) await expect.poll(() => statusOf(on.admin, id)).toBe('RUNNING');
    expect(await rowOf(waiting)).toMatchObject({ status: 'SCHEDULED', isSentAgain: false });
    const now = performance.now.bind(performance);
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 31_000);
    try {
      await expect.poll(async () => (await rowOf(waiting)).isSentAgain).toBe(true);
    } finally {
      later.mockRestore();
    }
    for (const id of busy) await asMember(api, ada, (tx) => store.cancel(tx, id));
    await working;
    expect(await rowOf(waiting)).toMatchObject({ status: 'SCHEDULED', attempt: 0 });
  });
});

describe('the report of an attempt', () => {
  test('costs a short attempt no statement: it is stored with the outcome', async () => {
    await execute(deps, [await insert('inline.ok')], { remainingSeconds: FULL });
    await on.admin`create extension if not exists pg_stat_statements`;
    const calls = async () => {
      const [row] = await on.admin<{ calls: number }[]>`
        select sum(calls)::int as calls from pg_stat_statements s join pg_roles r on r.oid = s.userid
        where toplevel and rolname = 'celeriac_worker' and dbid = (select oid from pg_database where datname = current_database())`;
      return row?.calls ?? 0;
    };
    const id = await insert('inline.ok');
    const before = await calls();
    await execute(deps, [id], { remainingSeconds: FULL, statements: NO_BEAT });
    expect((await calls()) - before).toBe(2);
    expect(await rowOf(id)).toMatchObject({ progress: { fraction: 1, note: 'done' } });
    expect(await ledgerOf(id)).toMatchObject([
      { progress: { note: 'done' }, logs: [{ level: 'info', message: 'hello', fields: { to: 'all' } }] },
    ]);
  });

  test('reaches watchers during the run, in few frames, each with a higher number', async () => {
    // A place that the process may read.
    const end = fileURLToPath(new URL(`node_modules/.celeriac-${randomUUID()}`, REPOSITORY));
    const id = await insert('isolated.chatter', { payload: end });
    const working = execute(deps, [id], { remainingSeconds: FULL });
    const framesNow = () => reported.filter((row) => row.id === id);
    await expect.poll(() => framesNow().length).toBeGreaterThanOrEqual(2);
    await writeFile(end, '');
    await working.finally(() => rm(end));
    const frames = framesNow();
    // Four frames a second.
    const first = frames.at(0)?.updatedAt.getTime() ?? 0;
    const last = frames.at(-1)?.updatedAt.getTime() ?? 0;
    expect(frames.length - 1).toBeLessThanOrEqual((last - first) / 240);
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map(({ seq }) => seq).toSorted((a, b) => a - b));
    const [ledger] = await ledgerOf(id);
    expect(ledger?.logs).toHaveLength(101);
    expect(ledger?.logs[0]).toMatchObject({ fields: { left_out: 4_900 } });
    const { result: steps, progress } = await rowOf(id);
    expect(progress.note).toBe(`step ${steps - 1}`);
  });
});

describe('an error that is never retried', () => {
  test('by the policy of the task, fails it at once', async () => {
    const id = await insert('isolated.exit', { retryPolicy: { neverRetry: ['handler_crashed'] } });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'handler_crashed' },
    });
  });

  test('leaves other errors to be retried, by the delays of the policy', async () => {
    const retryPolicy = { base: 100, factor: 5, cap: 1_000, jitter: 'none' as const, neverRetry: ['other'] };
    const id = await insert('isolated.exit', { retryPolicy });
    await execute(deps, [id], { remainingSeconds: FULL });
    expect(await ledgerOf(id)).toMatchObject([{ outcome: 'retried', delay_seconds: 500 }]);
  });
});
