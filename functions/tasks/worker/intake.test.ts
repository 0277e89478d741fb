import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { noArtifacts } from '../artifacts/testing/no-artifacts.ts';
import { defineTask, type Json, type TaskContext } from '../define-task.ts';
import { askNoInputs } from '../inputs/testing/no-inputs.ts';
import { DISPATCH, inlineTasks, insertTask, statusOf } from '../verification/fixtures.ts';
import { intake, intakeWindow, type Received } from './intake.ts';
import { type ExecuteDeps, execute } from './worker.ts';

let on: DatabaseFixture;
let ada: Member;
let api: ReturnType<DatabaseFixture['as']>;
let worker: ReturnType<DatabaseFixture['as']>;
beforeAll(async () => {
  on = await databaseFixture();
  ada = await on.member();
  [api, worker] = [on.as('api'), on.as('worker')];
});
afterAll(() => on.close());

let answered: PromiseWithResolvers<Json>;
let queue: Received[];
let receives: number;
let removed: string[][];
beforeEach(() => {
  [answered, queue, receives, removed] = [Promise.withResolvers(), [], 0, []];
});

const SECONDS_LEFT = 900;

const message = (...ids: string[]): Received => ({ ids, remove: async () => void removed.push(ids) });

const kinds = [
  ['test.request', 'network', () => answered.promise],
  ['test.computes', undefined, () => answered.promise],
  ['test.click', undefined, async () => 'clicked'],
] as const;

const deps = (given: Partial<ExecuteDeps> = {}): ExecuteDeps => ({
  db: worker,
  dispatch: DISPATCH,
  leaseSeconds: 30,
  fetch: () => Promise.reject(new Error('no network in this test')),
  turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
  putArtifact: async () => {},
  artifactsOf: noArtifacts,
  inputsOf: () => askNoInputs,
  log: () => {},
  announce: () => {},
  announceReports: () => {},
  enqueue: async () => [],
  ...inlineTasks(() =>
    kinds.map(([kind, waits, run]) =>
      defineTask({
        kind,
        payload: z.unknown(),
        limits: { soft: '60s', hard: '90s' },
        runs: 'inline',
        waits,
        run: (_payload, _context: TaskContext): Promise<Json> => run(),
      }),
    ),
  ),
  receive: async () => {
    receives += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return queue.splice(0);
  },
  ...given,
});

const request = () => insertTask(api, ada, { kind: 'test.request', waitsForNetwork: true });
const click = () => insertTask(api, ada, { kind: 'test.click' });

test('an invocation that only waits for the network starts new tasks, and deletes their message when they have ended', async () => {
  const [slow, quick] = [await request(), await click()];
  const done = execute(deps(), [slow.id], { remainingSeconds: () => SECONDS_LEFT });
  await expect.poll(() => receives).toBeGreaterThan(0);
  queue.push(message(quick.id));
  await expect.poll(() => statusOf(on.admin, quick.id)).toBe('COMPLETED');
  await expect.poll(() => removed).toEqual([[quick.id]]);
  expect(await statusOf(on.admin, slow.id)).toBe('RUNNING');
  answered.resolve('late');
  await done;
  expect(await statusOf(on.admin, slow.id)).toBe('COMPLETED');
});

test('an invocation ends when nothing runs any more, after the tasks that it has received', async () => {
  const [slow, last] = [await request(), await click()];
  const receiving = Promise.withResolvers<Received[]>();
  const first = Promise.withResolvers<void>();
  const done = execute(
    deps({
      receive: () => {
        first.resolve();
        return receiving.promise;
      },
    }),
    [slow.id],
    { remainingSeconds: () => SECONDS_LEFT },
  );
  await first.promise;
  answered.resolve('late');
  await expect.poll(() => statusOf(on.admin, slow.id)).toBe('COMPLETED');
  receiving.resolve([message(last.id)]);
  await done;
  expect(await statusOf(on.admin, last.id)).toBe('COMPLETED');
  expect(removed).toEqual([[last.id]]);
});

test('a message is deleted only when all of its tasks have ended', async () => {
  const [slow, quick, slower] = [await request(), await click(), await request()];
  const done = execute(deps(), [slow.id], { remainingSeconds: () => SECONDS_LEFT });
  queue.push(message(quick.id, slower.id));
  await expect.poll(() => statusOf(on.admin, quick.id)).toBe('COMPLETED');
  await expect.poll(() => statusOf(on.admin, slower.id)).toBe('RUNNING');
  expect(removed).toEqual([]);
  answered.resolve('late');
  await done;
  expect(removed).toEqual([[quick.id, slower.id]]);
});

for (const [what, left, kind] of [
  ['has no time left for it', 115, 'test.request'],
  ['computes', SECONDS_LEFT, 'test.computes'],
] as const) {
  test(`an invocation that ${what} receives no messages`, async () => {
    const { id } = await insertTask(api, ada, { kind, waitsForNetwork: kind === 'test.request' });
    const done = execute(deps(), [id], { remainingSeconds: () => left });
    await expect.poll(() => statusOf(on.admin, id)).toBe('RUNNING');
    // Longer than an invocation waits before it receives further messages.
    await new Promise((resolve) => setTimeout(resolve, 200));
    answered.resolve('late');
    await done;
    expect(receives).toBe(0);
  });
}

test('messages of tasks that are gone, or have no place, are deleted', async () => {
  const [slow, cancelled] = [await request(), await click()];
  await on.admin`
    update tasks set status = 'CANCELLED', finished_at = now(), next_dispatch_at = null where id = ${cancelled.id}`;
  const long = await insertTask(api, ada, { kind: 'test.click', softSeconds: 700, hardSeconds: 800 });
  const done = execute(deps(), [slow.id], { remainingSeconds: () => 500 });
  queue.push(message(cancelled.id), message(long.id));
  await expect.poll(() => removed.flat().toSorted()).toEqual([cancelled.id, long.id].toSorted());
  answered.resolve('late');
  await done;
  // The dispatcher sends it again, for a worker with more time.
  const [row] =
    await on.admin`select status, next_dispatch_at <= now() as again from tasks where id = ${long.id}`;
  expect(row).toEqual({ status: 'SCHEDULED', again: true });
});

test('a kind that waits for the network is not retried at once, whatever its policy says', async () => {
  const retryPolicy = { base: 0, cap: 0, jitter: 'none' } as const;
  const made = { kind: 'test.request', waitsForNetwork: true, retryPolicy, maxRetries: 9 };
  answered.promise.catch(() => {});
  answered.reject(new Error('no'));
  const { id } = await insertTask(api, ada, made);
  for (const seconds of [1, 2, 4]) {
    await execute(deps(), [id], { remainingSeconds: () => SECONDS_LEFT });
    const [row] = await on.admin`
      select status, extract(epoch from run_at - updated_at)::float8 as delay from tasks where id = ${id}`;
    expect(row?.status).toBe('SCHEDULED');
    expect(Math.round(row?.delay)).toBe(seconds);
    await on.admin`update tasks set run_at = now() where id = ${id}`;
  }
});

test('a queue that cannot be reached does not affect running attempts', async () => {
  const logged: string[] = [];
  const taken = intake(
    () => Promise.reject(new Error('away')),
    (_level, text) => void logged.push(text),
  );
  taken.begin();
  taken.begin();
  await taken.underWay();
  expect(logged).toEqual(['no further messages could be received']);
  expect(taken.take()).toEqual([]);
  await taken.end();
});

for (const [chance, closesAt] of [
  [0, 120],
  [0.5, 270],
  [1 - Number.EPSILON, 420],
] as const) {
  test(`an invocation receives messages after its first 50 ms, until ${closesAt} s are left`, () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(chance);
    let [now, left] = [0, 900];
    const window = intakeWindow(
      () => left,
      () => now,
    );
    expect(window.opensIn()).toBe(50);
    now = 60;
    expect(window.opensIn()).toBe(0);
    left = closesAt;
    expect(window.opensIn()).toBe(0);
    left = closesAt - 1;
    expect(window.opensIn()).toBeUndefined();
  });
}
