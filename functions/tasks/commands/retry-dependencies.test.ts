import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { DISPATCH } from '../verification/fixtures.ts';
import { actInBulk, EVERYTHING } from './bulk-actions.ts';
import { dependentsStage } from './testing/dependents-stage.ts';

const on: DatabaseFixture = await databaseFixture();
const { worker, dispatcher, deps, ada, newMember, tick, ...stage } = dependentsStage(on);
const { create, claim, settle, end, cancel, retry, retryMany, statuses } = stage;
beforeEach(newMember);
afterAll(() => on.close());

/** Creates a task, two that depend on it, and one that depends on these two. */
async function diamond(): Promise<[Task, Task, Task, Task]> {
  const top = await create();
  const [left, right] = [await create([top]), await create([top])];
  return [top, left, right, await create([left, right])];
}

describe('a retried task that depends on others', () => {
  test('waits until they are completed, as it did before', async () => {
    const first = await create();
    const second = await create([first]);
    await cancel(second);
    expect(await retry(second)).toMatchObject({ status: 'PENDING', cause: 'requeue', finishedAt: null });
    expect(
      (await store.claim(worker, { ids: [second.id], leaseSeconds: 30, soonSeconds: 0 })).claimed,
    ).toEqual([]);
    await end(first, 'complete');
    expect(await statuses(second)).toEqual(['SCHEDULED']);
  });

  test('is scheduled at once when they are completed', async () => {
    const first = await create();
    const second = await create([first]);
    await cancel(second);
    await end(first, 'complete');
    expect(await retry(second)).toMatchObject({ status: 'SCHEDULED' });
  });

  test('is refused, with the id, while one of them has failed or was cancelled', async () => {
    const [completed, failed] = [await create(), await create()];
    const second = await create([completed, failed]);
    const third = await create([second]);
    await end(completed, 'complete');
    await end(failed, 'fail');
    expect(await statuses(second, third)).toEqual(['CANCELLED', 'CANCELLED']);
    await expect(retry(second)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'dependency_failed',
      data: { task: failed.id, task_status: 'FAILED' },
    });
    await expect(retry(third)).rejects.toMatchObject({
      code: 'dependency_failed',
      data: { task: second.id, task_status: 'CANCELLED' },
    });
    expect(await statuses(second, third)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  test('can be retried after the failed task was retried, and is cancelled again when that fails again', async () => {
    const first = await create();
    const second = await create([first]);
    await end(first, 'fail');
    await retry(first);
    expect(await retry(second)).toMatchObject({ status: 'PENDING', error: null });
    await end(first, 'fail');
    expect(await statuses(second)).toEqual(['CANCELLED']);
  });

  test('is released by an end between its retry and the next tick', async () => {
    const first = await create();
    const second = await create([first]);
    await cancel(second);
    // As if all dependents had been handled: no task waits for the first one.
    await on.admin`update tasks set has_dependents = false where id = ${first.id}`;
    await retry(second);
    await store.claim(worker, { ids: [first.id], leaseSeconds: 30, soonSeconds: 0 });
    await store.settle(worker, [{ id: first.id, attempt: 1, kind: 'complete', result: 1 }], DISPATCH);
    await tick();
    expect(await statuses(second)).toEqual(['SCHEDULED']);
  });

  test('can be given another time and be cancelled while it waits again', async () => {
    const first = await create();
    const second = await create([first]);
    await cancel(second);
    await retry(second);
    const time = new Date(Date.now() + 3_600_000).toISOString();
    const moved = await on.admin.begin((tx) =>
      store.reschedule(tx, { id: second.id, scheduledTime: time, dispatch: DISPATCH }),
    );
    expect(moved).toMatchObject({ status: 'PENDING' });
    await end(first, 'complete');
    const [row] =
      await on.admin`select status, run_at > now() + interval '59 minutes' as later from tasks where id = ${second.id}`;
    expect(row).toEqual({ status: 'SCHEDULED', later: true });
    await cancel(second);
    expect(await retry(second)).toMatchObject({ status: 'SCHEDULED' });
  });

  test('waits for a task that ends at the same moment, or is refused: it never waits for ever', async () => {
    for (let round = 0; round < 10; round += 1) {
      const first = await create();
      const second = await create([first]);
      await cancel(second);
      await on.admin`update tasks set has_dependents = false where id = ${first.id}`;
      const kind = round % 2 === 0 ? 'complete' : 'fail';
      const attempt = await claim(first);
      const [, retried] = await Promise.allSettled([settle(first, attempt, kind), retry(second)]);
      await tick();
      const wanted = kind === 'complete' ? 'SCHEDULED' : 'CANCELLED';
      expect(await statuses(second), `${kind}, ${retried.status}`).toEqual([wanted]);
    }
  });
});

describe('several that are retried together', () => {
  test('run in the order of their dependencies', async () => {
    const all = await diamond();
    const [top, left, right, bottom] = all;
    await end(top, 'fail');
    expect(await statuses(...all)).toEqual(['FAILED', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(await retryMany(all.map(({ id }) => id))).toMatchObject({ matched: 4, changed: 4 });
    expect(await statuses(...all)).toEqual(['SCHEDULED', 'PENDING', 'PENDING', 'PENDING']);
    await end(top, 'complete');
    await end(left, 'complete');
    expect(await statuses(right, bottom)).toEqual(['SCHEDULED', 'PENDING']);
    await end(right, 'complete');
    expect(await statuses(bottom)).toEqual(['SCHEDULED']);
  });

  test('do not change when a dependency stays failed, and neither do their dependents', async () => {
    const all = await diamond();
    const [top, left, right, bottom] = all;
    const other = await create();
    await end(top, 'fail');
    await cancel(other);
    const given = [left, right, bottom, other].map(({ id }) => id);
    expect(await retryMany(given)).toMatchObject({ matched: 4, changed: 1 });
    expect(await statuses(...all, other)).toEqual([
      ...['FAILED', 'CANCELLED', 'CANCELLED', 'CANCELLED'],
      'SCHEDULED',
    ]);
  });

  test('do not change when a dependency cannot be retried because its unique key is taken', async () => {
    const first = await create([], { uniqueKey: 'one' });
    const second = await create([first]);
    await end(first, 'fail');
    await create([], { uniqueKey: 'one' });
    expect(await retryMany([first.id, second.id])).toMatchObject({ matched: 2, changed: 0 });
    expect(await statuses(first, second)).toEqual(['FAILED', 'CANCELLED']);
  });

  test('wait for a task that an earlier statement has retried', async () => {
    const top = await create();
    const count = store.BULK_STEP.changed + 10;
    await on.admin`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, finished_at, max_retries, attempt_limit)
      select gen_random_uuid(), ${ada().organizationId}, 'data.process', 'Waits', 'bulk', 'CANCELLED', now(), now(), now(), 0, 1
      from generate_series(1, ${count})`;
    // Each task waits for the one before it: the longest possible chain.
    await on.admin`
      insert into task_dependencies (task_id, depends_on, organization_id)
      select id, coalesce(lag(id) over (order by id), ${top.id}), organization_id
      from tasks where organization_id = ${ada().organizationId} and id <> ${top.id}`;
    const outcome = await actInBulk(deps, ada(), {
      wanted: { action: 'retry' },
      filter: { ...EVERYTHING, statuses: ['CANCELLED'] },
      remainingSeconds: () => 60,
    });
    expect(outcome).toMatchObject({ matched: count, changed: count, complete: true });
    const [row] = await on.admin`
      select count(*) filter (where status = 'PENDING')::int as waiting, count(*) filter (where not has_dependents)::int as ends
      from tasks where organization_id = ${ada().organizationId}`;
    expect(row).toEqual({ waiting: count, ends: 1 });
  });
});

test('a failed task’s outcome is kept as long as its dependents: their retry stays refused', async () => {
  const first = await create();
  const second = await create([first]);
  await end(first, 'fail');
  await on.admin`
    update tasks set finished_at = now() - interval '3 days'
    where organization_id = ${ada().organizationId}`;
  await on.admin`update tasks set finished_at = now() - interval '1 day' where id = ${second.id}`;
  const old = (retentionDays: number) =>
    store.expiredTasks(dispatcher, { organizationId: ada().organizationId, retentionDays }, 10);
  expect(await old(2)).toEqual([]);
  await expect(retry(second)).rejects.toMatchObject({ code: 'dependency_failed' });
  await on.admin`update tasks set finished_at = now() - interval '3 days' where id = ${second.id}`;
  await store.removeTasks(
    dispatcher,
    (await old(2)).map(({ id }) => id),
  );
  expect(await statuses(first, second)).toEqual(['FAILED', undefined]);
  await store.removeTasks(
    dispatcher,
    (await old(2)).map(({ id }) => id),
  );
  expect(await statuses(first)).toEqual([undefined]);
});
