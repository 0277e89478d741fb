import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import { type Member, type Stand, stand } from '../../database/testing.ts';
import { DISPATCH, newTask } from '../testing.ts';
import * as store from './index.ts';

/*
 * What a statement costs is counted: in blocks that Postgres looked at. It must not grow with what is stored.
 */

let on: Stand;
let ada: Member;
const FUTURE = 20_000;

beforeAll(async () => {
  on = await stand();
  ada = await on.member();
});
afterAll(() => on.close());

/** Blocks of tables and indexes that the work of one connection looked at. */
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

test('a tick looks at what is due, however many tasks are stored for later', async () => {
  const dispatcher = on.as('dispatcher');
  const look = async () => {
    await store.takeForDispatch(dispatcher, 1_000, DISPATCH.resendSeconds);
    await store.rescue(dispatcher, null, 1_000);
    await store.heldLanes(dispatcher, 1_000);
    await store.release(dispatcher, null, 100, DISPATCH);
  };
  const few = await blocksOf(dispatcher, look);
  await on.admin`
    insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at, max_retries, attempt_limit)
    select gen_random_uuid(), ${ada.organizationId}, 'data.process', 'Later', 'bulk', 'SCHEDULED', at, at, at, 0, 1
    from generate_series(1, ${FUTURE}) n cross join lateral (select now() + interval '1 day' + n * interval '1 second' as at) t`;
  await on.admin`analyze tasks`;
  const many = await blocksOf(dispatcher, look);
  // An index grows by a level, not by its rows.
  expect(many).toBeLessThan(few + 50);
});

test('claim and settle look at their own tasks, also by a plan that was made while the table was empty', async () => {
  const other = await on.member();
  const worker = on.as('worker');
  const claimAndSettle = async (count: number) => {
    const tasks = Array.from({ length: count }, () => newTask({ id: uuidv7() }));
    await store.insert(on.as('api'), other, null, tasks, DISPATCH);
    const { claimed } = await store.claim(
      worker,
      tasks.map(({ id }) => id),
      30,
      0,
    );
    await store.renew(worker, claimed, 30);
    await store.settle(
      worker,
      claimed.map(({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null })),
      DISPATCH,
    );
    expect(claimed).toHaveLength(count);
  };
  // Postgres keeps a plan after five of its own for each statement.
  for (let times = 0; times < 8; times += 1) await claimAndSettle(2);
  const blocks = await blocksOf(worker, () => claimAndSettle(2));
  expect(blocks).toBeLessThan(500);
});

test('claim, settle and tick look at what their own organizations have paused and bounded, however much others have', async () => {
  const grace = await on.member();
  const [worker, dispatcher] = [on.as('worker'), on.as('dispatcher')];
  const work = async () => {
    const tasks = [newTask(), newTask()];
    await store.insert(on.as('api'), grace, null, tasks, DISPATCH);
    await store.takeForDispatch(dispatcher, 1_000, DISPATCH.resendSeconds);
    const ids = tasks.map(({ id }) => id);
    const { claimed } = await store.claim(worker, ids, 30, 0);
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
  await work();
  const looked = await Promise.all(
    [worker, dispatcher].map((db) => blocksOf(db, work, ['pauses', 'organizations'])),
  );
  expect(Math.max(...looked)).toBeLessThan(100);
});
