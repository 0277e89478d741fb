import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import type { Bucket } from '../artifacts/bucket.ts';
import { createTasks } from '../commands/create.ts';
import type { Json, TaskContext } from '../define-task.ts';
import { attemptInputs } from '../inputs/attempt-inputs.ts';
import { MAX_ROW_BYTES } from '../result.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { DISPATCH, force, newTask } from '../verification/fixtures.ts';
import { startRunners } from './process-pool/pool.ts';
import { ISOLATED_KINDS } from './process-pool/testing/kinds.ts';
import { FULL, workerStage } from './testing/worker-stage.ts';
import { execute } from './worker.ts';

// One test starts a process.
vi.setConfig({ testTimeout: 60_000 });

const stage = workerStage();

/** The bucket, as the stage's workers write it. */
const artifacts: Pick<Bucket, 'readStream'> = {
  async readStream(key) {
    const content = stage.artifacts.get(key);
    return content === undefined
      ? undefined
      : { bytes: content.length, etag: '', content: Readable.from([Buffer.from(content)]) };
  },
};

const logged: unknown[] = [];
const deps = () => ({
  ...stage.deps,
  inputsOf: (task: Task) =>
    attemptInputs({ db: stage.deps.db, artifacts, logError: (error) => logged.push(error) }, task),
});

async function create(kind: string, inputs: Record<string, Task> = {}, given: Partial<store.NewTask> = {}) {
  const named = Object.fromEntries(Object.entries(inputs).map(([name, { id }]) => [name, id]));
  const { id: _, ...request } = newTask({
    ...{ kind, maxRetries: 0, inputs: named, dependsOn: Object.values(named) },
    ...(Object.keys(inputs).length === 0 && { inputs: null, dependsOn: null }),
    ...given,
  });
  const quiet = { db: stage.api, dispatch: DISPATCH, enqueue: async () => [] };
  const [task] = await createTasks(quiet, stage.ada, { organizationId: null, requests: [request] });
  if (!task) throw new Error('not created');
  return task;
}

/** Creates a task of this kind, and runs it. */
async function done(kind: string): Promise<Task> {
  const task = await create(kind);
  await execute(deps(), [task.id], { remainingSeconds: FULL });
  return task;
}

/** Runs a task, and returns its row. */
async function run({ id }: Task, on = deps()) {
  await execute(on, [id], { remainingSeconds: FULL });
  return stage.rowOf(id);
}

const LARGE = 'x'.repeat(MAX_ROW_BYTES);

/** Reads all inputs. */
const all = async ({ inputs }: TaskContext): Promise<Json> =>
  Object.fromEntries(
    await Promise.all(
      inputs.names.map(async (name) => {
        const { taskId: _, result, ...input } = await inputs.get(name);
        return [name, { ...input, result: result === LARGE ? 'large' : result }] as const;
      }),
    ),
  ) as Json;

const handlers = () => ({
  'gives.rows': async () => ({ rows: [1, 2] }),
  'gives.large': async () => LARGE,
  'gives.up': async () => Promise.reject(new Error('boom')),
  'takes.all': all,
  'takes.result': async ({ inputs }: TaskContext) => inputs.result('prices'),
  'takes.other': async ({ inputs }: TaskContext) => {
    const { result } = await inputs.get('constructor');
    return result;
  },
});

test('a task is given the results of its dependencies by their names, small ones and large ones', async () => {
  stage.handlers = handlers();
  const task = await create('takes.all', {
    prices: await done('gives.rows'),
    report: await done('gives.large'),
  });
  expect(await run(task)).toMatchObject({
    status: 'COMPLETED',
    result: {
      prices: { status: 'COMPLETED', result: { rows: [1, 2] }, error: null },
      report: { status: 'COMPLETED', result: 'large', error: null },
    },
  });
  const one = await create('takes.result', { prices: await done('gives.rows') });
  expect(await run(one)).toMatchObject({ result: { rows: [1, 2] } });
});

test('a task without named dependencies has no inputs', async () => {
  stage.handlers = handlers();
  const task = await create('takes.all', {}, { dependsOn: [(await done('gives.rows')).id] });
  expect(await run(task)).toMatchObject({ status: 'COMPLETED', result: {} });
});

test('a handler in a process of its own asks its worker for the same', async () => {
  stage.handlers = handlers();
  const inputs = { prices: await done('gives.rows'), report: await done('gives.large') };
  const [task, bad] = [await create('isolated.inputs', inputs), await create('isolated.inputs')];
  const runners = startRunners({
    program: new URL('./process-pool/testing/program.ts', import.meta.url),
    environment: { PATH: process.env.PATH },
    readable: new URL('../../../', import.meta.url),
    heapMiB: 96,
    size: 1,
    memoryMiB: 300,
  });
  const isolated = { ...deps(), kinds: ISOLATED_KINDS, runners };
  expect(await run(task, isolated)).toMatchObject({
    status: 'COMPLETED',
    result: {
      prices: { status: 'COMPLETED', bytes: 14 },
      report: { status: 'COMPLETED', bytes: LARGE.length + 2 },
    },
  });
  // Without inputs, the handler asks for one that there is not.
  expect(await run(bad, isolated)).toMatchObject({ status: 'FAILED', error: { code: 'input_unknown' } });
  await runners.stop();
});

test('with `on_failure` `run`, it is told how each dependency ended', async () => {
  stage.handlers = handlers();
  const [failed, cancelled] = [await done('gives.up'), await create('gives.rows')];
  await force(stage.on.admin, cancelled.id, 'CANCELLED');
  const task = await create('takes.all', { failed, cancelled }, { onFailure: 'run' });
  expect(await run(task)).toMatchObject({
    status: 'COMPLETED',
    result: {
      failed: { status: 'FAILED', result: null, error: { code: 'handler_failed', message: 'boom' } },
      cancelled: { status: 'CANCELLED', result: null, error: null },
    },
  });
  const strict = await create('takes.result', { prices: failed }, { onFailure: 'run' });
  expect(await run(strict)).toMatchObject({
    status: 'FAILED',
    error: { code: 'input_not_completed', name: 'prices', task: failed.id, task_status: 'FAILED' },
  });
});

test('a dependency that was retried since is given as it is now', async () => {
  stage.handlers = handlers();
  const failed = await done('gives.up');
  const task = await create('takes.all', { failed }, { onFailure: 'run' });
  await stage.on.admin.begin((tx) => store.requeue(tx, failed.id, DISPATCH));
  expect(await run(task)).toMatchObject({
    result: { failed: { status: 'SCHEDULED', result: null, error: null } },
  });
});

test('a name that the task does not have fails it, even the name of an inherited member', async () => {
  stage.handlers = handlers();
  const task = await create('takes.other', { prices: await done('gives.rows') });
  expect(await run(task)).toMatchObject({
    status: 'FAILED',
    error: { code: 'input_unknown', name: 'constructor' },
  });
});

test('a dependency is kept until its dependents have ended, and is missed by those that are retried later', async () => {
  stage.handlers = handlers();
  const [row, large] = [await done('gives.rows'), await done('gives.large')];
  const task = await create('takes.result', { prices: row });
  const other = await create('takes.result', { prices: large });
  await stage.on.admin`
    update tasks set finished_at = now() - interval '40 days' where id in (${row.id}, ${large.id})`;
  const dispatcher = stage.on.as('dispatcher');
  const { organizationId } = stage.ada;
  const expired = async () =>
    (await store.expiredTasks(dispatcher, { organizationId, retentionDays: 30 }, 100)).map(({ id }) => id);
  expect(await expired()).toEqual([]);
  await force(stage.on.admin, task.id, 'CANCELLED');
  await force(stage.on.admin, other.id, 'CANCELLED');
  // The dispatcher has not handled the dependents of these tasks yet, so it must not remove the tasks.
  expect(await store.removeTasks(dispatcher, await expired())).toBe(0);
  await stage.on.admin`update tasks set has_dependents = false where id in (${row.id}, ${large.id})`;
  // The object of a large result is removed before the row.
  stage.artifacts.clear();
  expect(await store.removeTasks(dispatcher, [row.id])).toBe(1);
  for (const { id } of [task, other]) {
    await stage.on.admin.begin((tx) => store.requeue(tx, id, DISPATCH));
    expect(await run({ id } as Task)).toMatchObject({
      status: 'FAILED',
      error: { code: 'input_expired', name: 'prices' },
    });
  }
});

test('a task of another organization is never given, even if the row names it', async () => {
  stage.handlers = handlers();
  const task = await create('takes.result', { prices: await done('gives.rows') });
  const eve = await stage.on.member();
  const hers = newTask({ kind: 'gives.rows' });
  const asked = { principal: eve, organizationId: null, tasks: [hers], dispatch: DISPATCH };
  await store.insert(stage.api, asked);
  await stage.on.admin`
    update tasks set inputs = ${JSON.stringify({ prices: hers.id })}::text::jsonb where id = ${task.id}`;
  expect(await run(task)).toMatchObject({ status: 'FAILED', error: { code: 'input_expired' } });
});

test('a bucket that does not answer costs an attempt, and its error is for the operator', async () => {
  stage.handlers = handlers();
  const task = await create('takes.result', { prices: await done('gives.large') });
  const broken = {
    ...deps(),
    inputsOf: (of: Task) =>
      attemptInputs(
        {
          db: stage.deps.db,
          artifacts: { readStream: () => Promise.reject(new Error('secret address')) },
          logError: (error) => logged.push(error),
        },
        of,
      ),
  };
  expect(await run(task, broken)).toMatchObject({
    status: 'FAILED',
    error: { code: 'inputs_unavailable', message: 'The results of other tasks cannot be read now' },
  });
  expect(logged).toEqual([new Error('secret address')]);
});
