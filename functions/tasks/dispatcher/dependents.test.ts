import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { createTasks } from '../commands/create.ts';
import { MAX_RELEASED } from '../store/dependencies.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { DISPATCH, newTask, statusOf } from '../verification/fixtures.ts';
import { followUps } from '../worker/follow-ups.ts';
import { releaseDependents } from './dependents.ts';
import { tick } from './tick.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const error = { code: 'boom', message: 'boom' };
const quiet = { dispatch: DISPATCH, announce: () => {}, enqueue: async () => [] };

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

async function create(
  dependsOn: readonly Task[] = [],
  member = ada,
  scheduledTime: string | null = null,
): Promise<Task> {
  const { id: _, ...request } = newTask({
    scheduledTime,
    maxRetries: 1,
    dependsOn: dependsOn.length > 0 ? dependsOn.map(({ id }) => id) : null,
  });
  const [task] = await createTasks({ db: api, ...quiet }, member, {
    organizationId: null,
    requests: [request],
  });
  if (!task) throw new Error('not created');
  return task;
}

async function end(task: Task, kind: 'complete' | 'fail'): Promise<void> {
  const { claimed } = await store.claim(worker, { ids: [task.id], leaseSeconds: 30, soonSeconds: 0 });
  const attempt = claimed[0]?.attempt ?? 0;
  await store.settle(
    worker,
    [kind === 'complete' ? { id: task.id, attempt, kind, result: 1 } : { id: task.id, attempt, kind, error }],
    DISPATCH,
  );
}
const release = (task: Task, db = worker) => releaseDependents({ db, ...quiet }, { ids: [task.id] });

describe('a task that depends on others', () => {
  test('waits until all of them are completed, and is scheduled then', async () => {
    const [one, other] = [await create(), await create()];
    const waiting = await create([one, other]);
    expect(waiting.status).toBe('PENDING');
    await end(one, 'complete');
    expect(await release(one)).toEqual([]);
    await end(other, 'complete');
    expect(await release(other)).toMatchObject([{ id: waiting.id, status: 'SCHEDULED' }]);
    expect(
      (await store.claim(worker, { ids: [waiting.id], leaseSeconds: 30, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
  });

  test('is scheduled at once when they are completed already', async () => {
    const done = await create();
    await end(done, 'complete');
    expect((await create([done])).status).toBe('SCHEDULED');
  });

  test('is cancelled with all that depend on it when one fails', async () => {
    const root = await create();
    const child = await create([root]);
    const grandchild = await create([child]);
    await end(root, 'fail');
    await release(root);
    expect(await statusOf(on.admin, child.id)).toBe('CANCELLED');
    expect(await statusOf(on.admin, grandchild.id)).toBe('CANCELLED');
    const [row] = await on.admin`select error from tasks where id = ${grandchild.id}`;
    expect(row?.error).toMatchObject({ code: 'dependency_failed' });
  });

  test('notifies its watchers of its end, and so do its dependents', async () => {
    const root = await create();
    const child = await create([root]);
    const grandchild = await create([child]);
    const heard: { id: string; status: string }[] = [];
    await end(root, 'fail');
    await releaseDependents(
      { db: worker, ...quiet, announce: (tasks) => heard.push(...tasks) },
      { ids: [root.id] },
    );
    expect(heard).toMatchObject([
      { id: child.id, status: 'CANCELLED' },
      { id: grandchild.id, status: 'CANCELLED' },
    ]);
  });

  test('is released by the worker that ends the last of them, and its message is sent if it is due', async () => {
    const parent = await create();
    const [soon, later] = [await create([parent]), await create([parent], ada, inSeconds(600))];
    const [retried] = [await create()];
    await create([retried]);
    await store.claim(worker, { ids: [parent.id, retried.id], leaseSeconds: 30, soonSeconds: 0 });
    const settled = await store.settle(
      worker,
      [
        { id: parent.id, attempt: 1, kind: 'complete', result: 1 },
        { id: retried.id, attempt: 1, kind: 'retry', error, delaySeconds: 0 },
      ],
      DISPATCH,
    );
    const [sent, asked]: string[][] = [[], []];
    const after = followUps(
      {
        ...quiet,
        db: worker,
        log: () => {},
        enqueue: async (wakeUps) => {
          sent?.push(...wakeUps.flatMap(({ ids }) => ids));
          return [];
        },
      },
      {
        ...store,
        release: (db, given) => {
          asked?.push(...(given.ids ?? []));
          return store.release(db, given);
        },
      },
    );
    after.afterSettle(settled);
    await after.end();
    expect(await statusOf(on.admin, soon.id)).toBe('SCHEDULED');
    expect(await statusOf(on.admin, later.id)).toBe('SCHEDULED');
    expect(sent).toContain(soon.id);
    expect(sent).not.toContain(later.id);
    // A task that is only retried has not ended, so its dependents are not looked at.
    expect(asked).toEqual([parent.id]);
  });

  test('is released by the next tick when the worker died before that', async () => {
    const [good, bad] = [await create(), await create()];
    const [runs, lost] = [await create([good]), await create([bad])];
    const later = await create([good], ada, inSeconds(600));
    await end(good, 'complete');
    await on.admin.begin((tx) => store.cancel(tx, bad.id));
    const sent: string[] = [];
    const enqueue = async (wakeUps: readonly { ids: readonly string[] }[]) => {
      sent.push(...wakeUps.flatMap(({ ids }) => ids));
      return [];
    };
    await tick({ ...quiet, db: dispatcher, enqueue, round: { lane: null } }, () => 60);
    expect(await statusOf(on.admin, runs.id)).toBe('SCHEDULED');
    expect(await statusOf(on.admin, lost.id)).toBe('CANCELLED');
    expect(sent).toContain(runs.id);
    // A later tick sends the message, when the task's time is near.
    expect(await statusOf(on.admin, later.id)).toBe('SCHEDULED');
    expect(sent).not.toContain(later.id);
  });

  test('is released by statements that each move at most 1,000 tasks', async () => {
    const parent = await create();
    const count = MAX_RELEASED + 500;
    await on.admin`
      insert into tasks (id, organization_id, kind, name, payload, queue, status, scheduled_time, run_at, max_retries, attempt_limit)
      select gen_random_uuid(), ${ada.organizationId}, 'data.process', 'Waiting', '{"large": true}', 'bulk', 'PENDING', now(), now(), 0, 1
      from generate_series(1, ${count})`;
    await on.admin`
      insert into task_dependencies (task_id, depends_on, organization_id)
      select id, ${parent.id}, organization_id from tasks where status = 'PENDING' and organization_id = ${ada.organizationId}`;
    await on.admin`update tasks set has_dependents = true where id = ${parent.id}`;
    await end(parent, 'complete');
    const stretches: number[] = [];
    const announce = (rows: readonly Task[]) => void stretches.push(rows.length);
    const released = await releaseDependents({ db: worker, ...quiet, announce }, { ids: [parent.id] });
    expect(stretches).toEqual([MAX_RELEASED, 500]);
    expect(new Set(released.map(({ id }) => id)).size).toBe(count);
    expect(new Set(released.map(({ payload }) => payload))).toEqual(new Set([null]));
    const [row] = await on.admin`select has_dependents from tasks where id = ${parent.id}`;
    expect(row?.has_dependents).toBe(false);
  });

  test('is released once, even if several dependencies end at the same moment', async () => {
    const parents = await Promise.all(Array.from({ length: 6 }, () => create()));
    const waiting = await create(parents);
    for (const parent of parents) await end(parent, 'complete');
    const workers = parents.map(() => on.as('worker'));
    const released = await Promise.all(
      parents.map((parent, n) =>
        releaseDependents({ db: workers[n] ?? worker, ...quiet }, { ids: [parent.id] }),
      ),
    );
    expect(released.flat().map(({ id }) => id)).toEqual([waiting.id]);
  });

  test('cannot wait for a failed, unknown or foreign task', async () => {
    const failed = await create();
    await end(failed, 'fail');
    await expect(create([failed])).rejects.toMatchObject({ code: 'dependency_failed' });
    const cancelled = await create();
    await on.admin.begin((tx) => store.cancel(tx, cancelled.id));
    await expect(create([cancelled])).rejects.toMatchObject({ code: 'dependency_failed' });
    const unknown = { code: 'dependency_not_found', fields: [{ pointer: '/depends_on/0' }] };
    const eve = await on.member();
    const hers = await create([], eve);
    await expect(create([hers])).rejects.toMatchObject(unknown);
    // The same holds for a task in another organization of the caller.
    await on.join(ada, eve.organizationId, 'member');
    await expect(create([hers])).rejects.toMatchObject(unknown);
    expect(await on.admin`select id from tasks where organization_id = ${ada.organizationId}`).toHaveLength(
      2,
    );
  });

  test('cannot be created by a viewer', async () => {
    const parent = await create();
    const eve = await on.member();
    await on.join(eve, ada.organizationId, 'viewer');
    const { id: _, ...request } = newTask({ dependsOn: [parent.id] });
    await expect(
      createTasks({ db: api, ...quiet }, eve, { organizationId: ada.organizationId, requests: [request] }),
    ).rejects.toMatchObject({ code: 'role_insufficient' });
  });

  test('is not delayed by another task that is locked', async () => {
    const [locked, free] = [await create(), await create()];
    const [stays, runs] = [await create([locked]), await create([free])];
    for (const parent of [locked, free]) await end(parent, 'complete');
    await on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${locked.id} for update`;
      const releasing = store.release(worker, { ids: [locked.id, free.id], limit: 10, dispatch: DISPATCH });
      expect(await Promise.race([releasing, sleep(5_000, 'waits')])).toMatchObject({
        handled: 1,
        moved: [{ id: runs.id }],
      });
    });
    expect(await release(locked)).toMatchObject([{ id: stays.id }]);
  });

  test('keeps the time that it was scheduled for', async () => {
    const parent = await create();
    const waiting = await create([parent], ada, inSeconds(3_600));
    await end(parent, 'complete');
    const [released] = await release(parent);
    expect(released?.id).toBe(waiting.id);
    expect(released?.dueInSeconds).toBeGreaterThan(3_500);
    const [row] = await on.admin`
      select extract(epoch from run_at - next_dispatch_at)::int as lookahead from tasks where id = ${waiting.id}`;
    expect(row).toEqual({ lookahead: DISPATCH.lookaheadSeconds });
  });
});
