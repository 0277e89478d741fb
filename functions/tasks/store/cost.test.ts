import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { DISPATCH, newTask } from '../verification/fixtures.ts';
import * as store from './index.ts';

/* The cost of a statement is counted in blocks that Postgres reads. It must not grow with the number of stored rows. */

const STORED = 20_000;

let on: DatabaseFixture;
let ada: Member;
beforeEach(async () => {
  on = await databaseFixture();
  ada = await on.member();
  // Automatic analysis and vacuum would cause new plans, and would read blocks themselves.
  for (const table of ['tasks', 'pauses', 'organizations'])
    await on.admin`alter table ${on.admin(table)} set (autovacuum_enabled = false)`;
});
afterEach(() => on.close());

/** Stores many rows that do not concern the statements: a third waits for its time, a third runs, and a third has ended. */
const storeMuch = async () => {
  await on.admin`
  insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at, lease_until,
    started_at, finished_at, attempt, max_retries, attempt_limit)
  select gen_random_uuid(), ${ada.organizationId}, 'data.process', 'Other', 'bulk', status, at, at,
    case when status = 'SCHEDULED' then at end, case when status = 'RUNNING' then at end,
    case when status <> 'SCHEDULED' then now() end, case when status = 'COMPLETED' then now() end,
    case when status = 'SCHEDULED' then 0 else 1 end, 0, 1
  from generate_series(1, ${STORED}) n
  cross join lateral (
    select now() + interval '1 day' + n * interval '1 second' as at, (array['SCHEDULED', 'RUNNING', 'COMPLETED'])[n % 3 + 1] as status
  ) t`;
  await counted();
};

/** Flushes the superuser's statistics, so that its reads are not counted during other work. */
const counted = () => on.admin`select pg_stat_force_next_flush()`;

/** Returns the blocks of tables and indexes that the work of one connection reads. */
async function blocksOf(
  db: Database,
  work: () => Promise<unknown>,
  tables: readonly string[] = ['tasks'],
): Promise<number> {
  const read = async () => {
    await db`select pg_stat_force_next_flush()`;
    const [row] = await db<{ blocks: number }[]>`
      select sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::int8 as blocks
      from pg_statio_user_tables where relname = any (${tables as string[]}::text[])`;
    return row?.blocks ?? 0;
  };
  const before = await read();
  await work();
  return (await read()) - before;
}

test('a tick reads only due tasks, however many are stored for later, run or have ended', async () => {
  const dispatcher = on.as('dispatcher');
  const look = async () => {
    await store.takeForDispatch(dispatcher, 1_000, DISPATCH.resendSeconds);
    await store.rescue(dispatcher, null, 1_000);
    await store.heldLanes(dispatcher, 1_000);
    await store.release(dispatcher, { ids: null, limit: 100, dispatch: DISPATCH });
  };
  const few = await blocksOf(dispatcher, look);
  await storeMuch();
  await on.admin`analyze tasks`;
  await counted();
  const many = await blocksOf(dispatcher, look);
  // An index grows by a level, not by its number of rows.
  expect(many).toBeLessThan(few + 50);
});

test('claim, renewal, report and settle read only their own tasks, even with a plan that was made while the table was empty', async () => {
  const [api, worker] = [on.as('api'), on.as('worker')];
  const claimAndSettle = async (count: number) => {
    const tasks = Array.from({ length: count }, () => newTask({ id: uuidv7() }));
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    const { claimed } = await store.claim(worker, {
      ids: tasks.map(({ id }) => id),
      leaseSeconds: 30,
      soonSeconds: 0,
    });
    await store.renew(worker, claimed, 30);
    await store.report(
      worker,
      claimed.map(({ id, attempt }) => ({ id, attempt, logs: [] })),
    );
    await store.settle(
      worker,
      claimed.map(({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null })),
      DISPATCH,
    );
    expect(claimed).toHaveLength(count);
  };
  await claimAndSettle(2);
  const few = await blocksOf(worker, () => claimAndSettle(2));
  // Not analyzed, because an analysis would cause new plans.
  await storeMuch();
  // Take the smallest of several, because earlier reads of other connections are counted late.
  const rounds: number[] = [];
  for (let times = 0; times < 3; times += 1) rounds.push(await blocksOf(worker, () => claimAndSettle(2)));
  // Each index has grown by a level. The stored rows have hundreds of blocks.
  expect(Math.min(...rounds)).toBeLessThan(few + 200);
});

test('claim, settle and tick read only the pauses and bounds of their own organizations', async () => {
  const grace = await on.member();
  const [worker, dispatcher] = [on.as('worker'), on.as('dispatcher')];
  const work = async () => {
    const tasks = [newTask(), newTask()];
    await store.insert(on.as('api'), { principal: grace, organizationId: null, tasks, dispatch: DISPATCH });
    await store.takeForDispatch(dispatcher, 1_000, DISPATCH.resendSeconds);
    const ids = tasks.map(({ id }) => id);
    const { claimed } = await store.claim(worker, { ids, leaseSeconds: 30, soonSeconds: 0 });
    await store.settle(
      worker,
      claimed.map(({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null })),
      DISPATCH,
    );
  };
  await on.admin`
    with others as (
      insert into organizations (id, name, max_running) select gen_random_uuid(), 'Other', 5 from generate_series(1, 5000)
      returning id
    )
    insert into pauses (organization_id, scope, name) select id, 'kind', 'http.request' from others`;
  await on.admin`analyze organizations, pauses`;
  await counted();
  await work();
  const looked = await Promise.all(
    [worker, dispatcher].map((db) => blocksOf(db, work, ['pauses', 'organizations'])),
  );
  expect(Math.max(...looked)).toBeLessThan(100);
});

test('a release reads only tasks that can get a place, however many tasks of a full key or a paused kind are held', async () => {
  const [api, worker] = [on.as('api'), on.as('worker')];
  await on.admin`update organizations set max_running = 2 where id = ${ada.organizationId}`;
  await on.admin`
    insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'kind', 'http.request')`;
  const keyed = { concurrencyKey: 'printer', concurrencyLimit: 1 };
  const [running] = await store.insert(api, {
    principal: ada,
    organizationId: null,
    tasks: [newTask(keyed)],
    dispatch: DISPATCH,
  });
  await store.claim(worker, { ids: [running?.id ?? ''], leaseSeconds: 3_600, soonSeconds: 0 });
  const hold = (count: number) => on.admin`
    insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at, max_retries,
      attempt_limit, concurrency_key, concurrency_limit, held_by)
    select gen_random_uuid(), ${ada.organizationId}, kind, 'Held', 'bulk', 'SCHEDULED', now(), now(), 'infinity', 0, 1,
      key, case when key is not null then 1 end, lane
    from generate_series(1, ${count}),
      (values ('data.process', 'printer', 'key:printer'), ('http.request', 'printer', 'key:printer'),
        ('http.request', null, 'organization')) as held(kind, key, lane)`;
  const lanes = ['key:printer', 'organization'].map((lane) => ({ organizationId: ada.organizationId, lane }));
  const look = async () => {
    const released = await worker.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
    expect(released).toEqual([]);
  };
  await hold(1);
  const few = await blocksOf(worker, look);
  await hold(STORED);
  await on.admin`analyze tasks`;
  await counted();
  expect(await blocksOf(worker, look)).toBeLessThan(few + 50);
  // A task that can use the place gets it, behind all the others.
  const [free] = await store.insert(api, {
    principal: ada,
    organizationId: null,
    tasks: [newTask()],
    dispatch: DISPATCH,
  });
  await on.admin`update tasks set held_by = 'organization', next_dispatch_at = 'infinity' where id = ${free?.id ?? ''}`;
  const released = await worker.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
  expect(released).toMatchObject([{ id: free?.id }]);
});
