import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import * as store from '../store/index.ts';
import { DISPATCH, force, insertTask, newTask } from '../verification/fixtures.ts';
import { purge } from './retention.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, dispatcher] = [on.as('api'), on.as('dispatcher')];
let ada: Member;
let removedObjects: string[];
beforeEach(async () => {
  ada = await on.member();
  removedObjects = [];
  await turnOf(ada);
});
afterAll(() => on.close());

/** Makes it the turn of these organizations, and of no others. */
const turnOf = (...members: Member[]) => on.admin`
  update organizations set purged_at =
    case when id = any (${members.map((m) => m.organizationId)}::uuid[]) then '-infinity' else now() end`;

const deps = { db: dispatcher, removeArtifact: async (key: string) => void removedObjects.push(key) };
const ended = async (daysAgo: number, member = ada) => {
  const { id } = await insertTask(api, member);
  await force(on.admin, id, 'COMPLETED');
  await on.admin`update tasks set finished_at = now() - ${daysAgo} * interval '1 day' where id = ${id}`;
  return id;
};
/** Creates `count` expired tasks of a member. */
const endedMany = async (count: number, member: Member) => {
  const tasks = Array.from({ length: count }, () => newTask());
  await store.insert(api, { principal: member, organizationId: null, tasks, dispatch: DISPATCH });
  await on.admin`
    update tasks set status = 'CANCELLED', finished_at = now() - interval '40 days', next_dispatch_at = null
    where organization_id = ${member.organizationId}`;
  return tasks.map(({ id }) => id);
};
const removedBy = async (...how: Parameters<typeof purge>) => (await purge(...how)).removed;
const left = async (ids: string[]) =>
  (await on.admin`select id from tasks where id = any (${ids}::uuid[]) order by id`).map(({ id }) => id);

test('a task that ended before the retention time is deleted with its attempts and its object; others stay', async () => {
  await on.admin`update organizations set retention_days = 7 where id = ${ada.organizationId}`;
  const [old, recent] = [await ended(8), await ended(6)];
  const waiting = (await insertTask(api, ada)).id;
  await on.admin`update tasks set created_at = now() - interval '1 year' where id = ${waiting}`;
  await on.admin`update tasks set artifact = '{"key": "results/old", "bytes": 1}' where id = ${old}`;
  await on.admin`
    insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at)
    values (${old}, 1, ${ada.organizationId}, 'completed', now(), now())`;
  expect(await removedBy(deps, () => true)).toBe(1);
  expect(await left([old, recent, waiting])).toEqual([recent, waiting]);
  expect(await on.admin`select * from attempts where task_id = ${old}`).toEqual([]);
  expect(removedObjects).toEqual(['results/old']);
});

test('each organization has its own retention time', async () => {
  const eve = await on.member();
  await on.admin`update organizations set retention_days = 90 where id = ${eve.organizationId}`;
  await turnOf(ada, eve);
  const [mine, hers] = [await ended(31), await ended(31, eve)];
  await purge(deps, () => true);
  expect(await left([mine, hers])).toEqual([hers]);
});

test('a tick deletes several steps, and the next tick deletes the rest', async () => {
  const ids = await endedMany(1_100, ada);
  await on.admin`
    insert into batches (id, organization_id, queue, finished_at)
    values (gen_random_uuid(), ${ada.organizationId}, 'bulk', now() - interval '40 days')`;
  const batches = async () =>
    (await on.admin`select id from batches where organization_id = ${ada.organizationId}`).length;
  const answers = [true, false];
  expect(await removedBy(deps, () => answers.shift() ?? false)).toBe(500);
  // A batch outlives its tasks.
  expect(await batches()).toBe(1);
  expect(await removedBy(deps, () => true)).toBe(600);
  expect(await left(ids)).toEqual([]);
  expect(await batches()).toBe(0);
});

/** Creates expired rows of a member, without the rows that they refer to. */
const endedRows = (count: number, member: Member) =>
  on.admin.begin(async (tx) => {
    // Switches off foreign keys. Otherwise each row would be checked against the rows that it refers to.
    await tx`set local session_replication_role = replica`;
    await tx`
    insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, finished_at, max_retries, attempt_limit)
    select gen_random_uuid(), ${member.organizationId}, 'data.process', 'Task', 'bulk', 'CANCELLED', at, at, at, 0, 1
    from (select now() - interval '40 days' - n * interval '1 second' as at from generate_series(1, ${count}) n) t`;
  });
const tasksOf = async (member: Member) => {
  const [row] = await on.admin<{ count: number }[]>`
    select count(*)::int from tasks where organization_id = ${member.organizationId}`;
  return row?.count;
};
/** Allows so many steps. */
const timeFor = (steps: number) => () => {
  steps -= 1;
  return steps >= 0;
};

test('a tick deletes while it has time, and stops when its time is used', async () => {
  await endedRows(3_000, ada);
  const first = await purge(deps, timeFor(3));
  expect([first.removed, await tasksOf(ada)]).toEqual([1_500, 1_500]);
  // Tasks are kept for thirty days, and these ended forty days ago.
  expect(first.overdueSeconds).toBeGreaterThanOrEqual(10 * 86_400);
  expect(await purge(deps, () => true)).toEqual({ removed: 1_500, overdueSeconds: 0 });
  expect(await tasksOf(ada)).toBe(0);
});

test('a tick without time deletes nothing, and reports how much it is behind', async () => {
  await endedRows(1, ada);
  const { removed, overdueSeconds } = await purge(deps, () => false);
  expect([removed, await tasksOf(ada)]).toEqual([0, 1]);
  expect(overdueSeconds).toBeGreaterThanOrEqual(10 * 86_400);
  // The turn was returned, so the next one does not have to wait ten minutes.
  expect(await removedBy(deps, () => true)).toBe(1);
});

test('a tick with time looks at every organization whose turn it is, however many there are', async () => {
  const members = await Promise.all(Array.from({ length: 101 }, () => on.member()));
  await turnOf(...members);
  for (const member of members) await endedRows(1, member);
  expect(await removedBy(deps, () => true)).toBe(101);
});

test('tasks that somebody has locked do not keep a tick busy', async () => {
  await endedRows(1_000, ada);
  const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>();
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const locking = on.admin.begin(async (tx) => {
    await tx`select from tasks where organization_id = ${ada.organizationId} for update`;
    locked();
    await mayEnd;
  });
  await isLocked;
  let steps = 0;
  const counted = () => {
    steps += 1;
    return steps < 100;
  };
  expect(await removedBy(deps, counted)).toBe(0);
  expect(steps).toBeLessThan(100);
  end();
  await locking;
});

test('all batches past their retention time are deleted in one tick', async () => {
  await on.admin`
    insert into batches (id, organization_id, queue, total, completed, finished_at)
    select gen_random_uuid(), ${ada.organizationId}, 'bulk', 1, 1, now() - interval '31 days' from generate_series(1, 1100)`;
  await purge(deps, () => true);
  expect(await on.admin`select from batches where organization_id = ${ada.organizationId}`).toHaveLength(0);
});

test('an organization with very many old tasks takes no other’s turn, and continues after those that have waited', async () => {
  const eve = await on.member();
  const [mine, hers] = [await endedMany(1_600, ada), await ended(31, eve)];
  await on.admin`
    update organizations set purged_at = now() - interval '2 hours' where id = ${ada.organizationId}`;
  await on.admin`
    update organizations set purged_at = now() - interval '1 hour' where id = ${eve.organizationId}`;
  const answers = [true, true, true];
  expect(await removedBy(deps, () => answers.shift() ?? false)).toBe(1_001);
  expect(await left([hers])).toEqual([]);
  const late = await on.member();
  const theirs = await ended(31, late);
  await on.admin`
    update organizations set purged_at = now() - interval '1 hour' where id = ${late.organizationId}`;
  const once = [true];
  expect(await removedBy(deps, () => once.shift() ?? false)).toBe(1);
  expect(await left([theirs])).toEqual([]);
  expect(await removedBy(deps, () => true)).toBe(600);
  expect(await left(mine)).toEqual([]);
});

test('a task whose object could not be removed stays, to be tried again', async () => {
  const old = await ended(31);
  await on.admin`update tasks set artifact = '{"key": "results/old", "bytes": 1}' where id = ${old}`;
  const away = { ...deps, removeArtifact: () => Promise.reject(new Error('S3 is away')) };
  await expect(purge(away, () => true)).rejects.toThrow('S3 is away');
  expect(await left([old])).toEqual([old]);
});

test('a failure with one organization does not delay another', async () => {
  const eve = await on.member();
  const [mine, hers] = [await ended(31), await ended(31, eve)];
  await on.admin`update tasks set artifact = '{"key": "results/old", "bytes": 1}' where id = ${mine}`;
  await turnOf(ada, eve);
  await on.admin`
    update organizations set purged_at = now() - interval '1 hour' where id = ${eve.organizationId}`;
  const away = { ...deps, removeArtifact: () => Promise.reject(new Error('S3 is away')) };
  await expect(purge(away, () => true)).rejects.toThrow('S3 is away');
  expect(await left([mine, hers])).toEqual([mine]);
});

test('the oldest tasks are deleted first', async () => {
  const ids = [await ended(32), await ended(34), await ended(33)];
  const old = await store.expiredTasks(
    dispatcher,
    { organizationId: ada.organizationId, retentionDays: 30 },
    2,
  );
  expect(old.map(({ id }) => id)).toEqual([ids[1], ids[2]]);
});

test('a task that is being retried, or is locked, is skipped', async () => {
  const [again, locked, old] = [await ended(31), await ended(31), await ended(31)];
  await force(on.admin, again, 'SCHEDULED');
  await on.admin.begin(async (tx) => {
    await tx`select from tasks where id = ${locked} for update`;
    const removing = store.removeTasks(dispatcher, [again, locked, old]).then(() => 'done');
    expect(await Promise.race([removing, sleep(5_000, 'waits')])).toBe('done');
  });
  expect(await left([again, locked, old])).toEqual([again, locked]);
});

describe('the turn of an organization', () => {
  const turns = async (limit: number) =>
    (await store.takeTurns(dispatcher, limit, 600)).map(({ organizationId }) => organizationId);
  let members: Member[];
  beforeEach(async () => {
    await turnOf();
    members = [await on.member(), await on.member(), await on.member()];
    // The second member has waited longest, then the third.
    for (const [n, hours] of [1, 3, 2].entries())
      await on.admin`
        update organizations set purged_at = now() - ${hours} * interval '1 hour' where id = ${members[n]?.organizationId ?? ''}`;
  });
  const nth = (...numbers: number[]) => numbers.map((n) => members[n]?.organizationId).toSorted();

  test('comes first to those that waited longest', async () => {
    expect((await turns(2)).toSorted()).toEqual(nth(1, 2));
    expect(await turns(2)).toEqual(nth(0));
  });

  test('is skipped while another tick has it, and new tasks do not wait for the tick', async () => {
    await on.as('dispatcher').begin(async (tx) => {
      await store.takeTurns(tx as unknown as Database, 1, 600);
      expect(await Promise.race([turns(3), sleep(5_000, 'waits')])).toEqual(
        expect.arrayContaining(nth(0, 2)),
      );
      const created = insertTask(api, members[1] as Member).then(() => 'created');
      expect(await Promise.race([created, sleep(5_000, 'waits')])).toBe('created');
    });
  });
});

test('an organization that was looked at just now is left alone', async () => {
  await purge(deps, () => true);
  const old = await ended(31);
  expect(await removedBy(deps, () => true)).toBe(0);
  expect(await left([old])).toEqual([old]);
});

test('a batch that ended before the retention time is deleted', async () => {
  const batch = (daysAgo: number) => on.admin`
    insert into batches (id, organization_id, queue, total, completed, finished_at)
    values (gen_random_uuid(), ${ada.organizationId}, 'bulk', 1, 1, now() - ${daysAgo} * interval '1 day') returning id`;
  const [[old], [recent]] = [await batch(31), await batch(29)];
  await purge(deps, () => true);
  expect(await on.admin`select id from batches where organization_id = ${ada.organizationId}`).toEqual([
    { id: recent?.id },
  ]);
  expect(old).toBeDefined();
});
