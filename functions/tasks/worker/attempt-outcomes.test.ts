import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import { PermanentError, RetryError } from '../define-task.ts';
import * as store from '../store/index.ts';
import { DISPATCH, insertTask, newTask, statusOf } from '../verification/fixtures.ts';
import { FULL, workerStage } from './testing/worker-stage.ts';
import { execute } from './worker.ts';

const stage = workerStage();
const { rowOf } = stage;

describe('an attempt', () => {
  test('that returns completes the task with its result', async () => {
    stage.handlers = { 'test.ok': async ({ attempt }) => ({ attempt }) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.ok' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 1,
      result: { attempt: 1 },
      error: null,
    });
    expect(stage.announced.map((task) => task.status)).toEqual(['RUNNING', 'COMPLETED']);
    expect(stage.announced.map((task) => task.seq)).toEqual([2, 3]);
    expect(await stage.events.published()).toMatchObject([{ type: 'task.finished', subject: id }]);
  });

  test('that throws is retried by its own message after a backoff', async () => {
    stage.handlers = { 'test.boom': () => Promise.reject(new Error('boom')) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.boom' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'SCHEDULED', error: { code: 'handler_failed', message: 'boom' } });
    expect(row.run_at.getTime() - row.updated_at.getTime()).toBeLessThanOrEqual(4_000);
    expect(stage.woken).toEqual([
      expect.objectContaining({ ids: [id], queue: 'interactive', organizationId: stage.ada.organizationId }),
    ]);
    expect(await stage.events.published()).toEqual([]);
  });

  test('that throws a permanent error fails the task at once', async () => {
    stage.handlers = {
      'test.never': () => Promise.reject(new PermanentError('bad_csv', 'line 3', { details: { line: 3 } })),
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.never' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'bad_csv', message: 'line 3', line: 3 },
    });
    expect(stage.woken).toEqual([]);
  });

  test('may ask to be retried no sooner than it says', async () => {
    stage.handlers = {
      'test.busy': () => Promise.reject(new RetryError('busy', 'come back', { afterSeconds: 3_600 })),
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.busy' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    const row = await rowOf(id);
    expect(row.run_at.getTime() - row.started_at.getTime()).toBeGreaterThanOrEqual(3_600_000);
    // Too late for a message now. The dispatcher sends it when the time is near.
    expect(stage.woken).toEqual([]);
    expect(row.run_at.getTime() - row.next_dispatch_at.getTime()).toBe(DISPATCH.lookaheadSeconds * 1000);
  });

  test('of a kind that this worker does not know waits for one that does', async () => {
    stage.handlers = {};
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.unknown' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'kind_unknown' } });
  });

  test('that throws text that Postgres cannot store is settled, and so are its neighbours', async () => {
    stage.handlers = {
      'test.ok': async () => null,
      'test.nul': () => Promise.reject(new Error('bad \0 byte')),
      'test.cut': () =>
        Promise.reject(new PermanentError('cut', `${'x'.repeat(999)}😀😀`, { details: { text: '\ud800' } })),
    };
    const kinds = ['test.ok', 'test.nul', 'test.cut', 'test.ok'];
    const ids = await Promise.all(
      kinds.map(async (kind) => (await insertTask(stage.api, stage.ada, { kind })).id),
    );
    await execute(stage.deps, ids, { remainingSeconds: FULL });
    const statuses = await Promise.all(ids.map((id) => statusOf(stage.on.admin, id)));
    expect(statuses).toEqual(['COMPLETED', 'SCHEDULED', 'FAILED', 'COMPLETED']);
  });

  test('that throws a value without a message is retried', async () => {
    stage.handlers = {
      'test.bare': () => Promise.reject(Object.create(null)),
      'test.odd': () => Promise.reject(Object.assign(new Error(), { message: Object.create(null) })),
    };
    const kinds = ['test.bare', 'test.odd'];
    const ids = await Promise.all(
      kinds.map(async (kind) => (await insertTask(stage.api, stage.ada, { kind })).id),
    );
    await execute(stage.deps, ids, { remainingSeconds: FULL });
    for (const id of ids)
      expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'handler_failed' } });
  });

  test('past its soft limit is asked to stop, and retried', async () => {
    stage.limits = { soft: '0.1s', hard: '5s' };
    stage.handlers = {
      'test.slow': async ({ signal }) => {
        await sleep(5_000, undefined, { signal }).catch(() => {});
        throw signal.reason;
      },
    };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.slow' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'soft_limit_exceeded' } });
  });

  test('that ignores its soft limit is ended at the hard one', async () => {
    stage.limits = { soft: '0.05s', hard: '0.1s' };
    stage.handlers = { 'test.deaf': () => new Promise(() => {}) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.deaf', maxRetries: 0 });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'hard_limit_exceeded' } });
  });

  test('whose result is no JSON that Postgres stores still completes, cleaned', async () => {
    stage.handlers = { 'test.nul': async () => ({ text: 'a\u0000b\ud800' }) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.nul' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect((await rowOf(id)).result).toEqual({ text: 'a\ufffdb\ufffd' });
  });

  for (const [what, bytes, isInRow] of [
    ['as large as the row keeps is in the row', 262_144, true],
    ['larger than that is in the bucket, and the row says where', 262_145, false],
  ] as const) {
    test(`whose result is ${what}`, async () => {
      const result = 'x'.repeat(bytes - 2);
      stage.handlers = { 'test.large': async () => result };
      const { id, organizationId } = await insertTask(stage.api, stage.ada, { kind: 'test.large' });
      await execute(stage.deps, [id], { remainingSeconds: FULL });
      const key = `results/${organizationId}/${id}/1.json`;
      expect(await rowOf(id)).toMatchObject({
        status: 'COMPLETED',
        result: isInRow ? result : null,
        artifact: isInRow ? null : { key, bytes },
      });
      expect(stage.artifacts.get(key)).toBe(isInRow ? undefined : JSON.stringify(result));
    });
  }

  test('whose result cannot be stored in the bucket is retried', async () => {
    stage.handlers = { 'test.large': async () => 'x'.repeat(300_000) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.large' });
    await execute({ ...stage.deps, putArtifact: () => Promise.reject(new Error('S3 is away')) }, [id], {
      remainingSeconds: FULL,
    });
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'result_not_stored' } });
  });

  test('whose result is too large even for the bucket fails, and says how large', async () => {
    stage.handlers = { 'test.large': async () => 'x'.repeat(32 * 1024 * 1024) };
    const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.large' });
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    expect(await rowOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'result_too_large' } });
  });
});

test('after a manual retry the delays start again from the first', async () => {
  stage.handlers = { 'test.fails': () => Promise.reject(new Error('boom')) };
  const retryPolicy = { base: 10, factor: 10, cap: 10_000, jitter: 'none' } as const;
  const { id } = await insertTask(stage.api, stage.ada, { kind: 'test.fails', maxRetries: 1, retryPolicy });
  const delay = async () => {
    await execute(stage.deps, [id], { remainingSeconds: FULL });
    const [last] = await stage.on.admin`
      select delay_seconds from attempts where task_id = ${id} order by attempt desc limit 1`;
    return last?.delay_seconds;
  };
  expect(await delay()).toBe(100);
  await stage.on.admin`update tasks set run_at = now() where id = ${id}`;
  await execute(stage.deps, [id], { remainingSeconds: FULL });
  expect(await statusOf(stage.on.admin, id)).toBe('FAILED');
  await asMember(stage.api, stage.ada, (tx) => store.requeue(tx, id, DISPATCH));
  expect(await delay()).toBe(100);
});

test('a batch is published when it is finished, and its tasks are not published one by one', async () => {
  stage.handlers = { 'test.quick': async () => null };
  const tasks = Array.from({ length: 5 }, () => newTask({ kind: 'test.quick', queue: 'bulk' }));
  const batch = { id: newTask().id, name: 'Five', queue: 'bulk' } as const;
  await store.insertBatch(stage.api, {
    principal: stage.ada,
    organizationId: null,
    batch,
    tasks,
    dispatch: DISPATCH,
  });
  const ids = tasks.map(({ id }) => id);
  await execute(stage.deps, ids.slice(0, 2), { remainingSeconds: FULL });
  expect(await stage.events.published()).toEqual([]);
  await execute(stage.deps, ids, { remainingSeconds: FULL });
  expect(await stage.events.published()).toMatchObject([
    { type: 'batch.finished', subject: batch.id, data: { total: 5, completed: 5, failed: 0 } },
  ]);
});
