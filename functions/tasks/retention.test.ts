import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Member, type Stand, stand } from '../database/testing.ts';
import { purge } from './retention.ts';
import * as store from './store/index.ts';
import { DISPATCH, force, insertTask, newTask } from './testing.ts';

const on: Stand = await stand();
const [api, dispatcher] = [on.as('api'), on.as('dispatcher')];
let ada: Member;
let removedObjects: string[];
beforeEach(async () => {
  ada = await on.member();
  removedObjects = [];
  await on.admin`update organizations set purged_at = now() - interval '1 hour'`;
});
afterAll(() => on.close());

const deps = { db: dispatcher, removeArtifact: async (key: string) => void removedObjects.push(key) };
const ended = async (daysAgo: number, member = ada) => {
  const { id } = await insertTask(api, member);
  await force(on.admin, id, 'COMPLETED');
  await on.admin`update tasks set finished_at = now() - ${daysAgo} * interval '1 day' where id = ${id}`;
  return id;
};
const left = async (ids: string[]) =>
  (await on.admin`select id from tasks where id = any (${ids}::uuid[]) order by id`).map(({ id }) => id);

test('what ended longer ago than it is kept goes, with its attempts and its object; the rest stays', async () => {
  await on.admin`update organizations set retention_days = 7 where id = ${ada.organizationId}`;
  const [old, recent] = [await ended(8), await ended(6)];
  const waiting = (await insertTask(api, ada)).id;
  await on.admin`update tasks set created_at = now() - interval '1 year' where id = ${waiting}`;
  await on.admin`update tasks set artifact = '{"key": "results/old", "bytes": 1}' where id = ${old}`;
  await on.admin`
    insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at)
    values (${old}, 1, ${ada.organizationId}, 'completed', now(), now())`;
  expect(await purge(deps, () => true)).toBe(1);
  expect(await left([old, recent, waiting])).toEqual([recent, waiting]);
  expect(await on.admin`select * from attempts where task_id = ${old}`).toEqual([]);
  expect(removedObjects).toEqual(['results/old']);
});

test('each organization keeps its own for as long as it says', async () => {
  const eve = await on.member();
  await on.admin`update organizations set retention_days = 90 where id = ${eve.organizationId}`;
  const [mine, hers] = [await ended(31), await ended(31, eve)];
  await purge(deps, () => true);
  expect(await left([mine, hers])).toEqual([hers]);
});

test('more than one step’s worth goes, and what a tick has no time for goes with the next', async () => {
  const tasks = Array.from({ length: 1_100 }, () => newTask());
  await store.insert(api, ada, null, tasks, DISPATCH);
  const ids = tasks.map(({ id }) => id);
  await on.admin`
    update tasks set status = 'CANCELLED', finished_at = now() - interval '40 days', next_dispatch_at = null
    where id = any (${ids}::uuid[])`;
  await on.admin`update organizations set purged_at = now() where id <> ${ada.organizationId}`;
  const answers = [true, false];
  expect(await purge(deps, () => answers.shift() ?? false)).toBe(500);
  expect(await purge(deps, () => true)).toBe(600);
  expect(await left(ids)).toEqual([]);
});

test('an organization that was looked at just now is left alone', async () => {
  await purge(deps, () => true);
  const old = await ended(31);
  expect(await purge(deps, () => true)).toBe(0);
  expect(await left([old])).toEqual([old]);
});

test('a batch goes when it ended longer ago than it is kept', async () => {
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
