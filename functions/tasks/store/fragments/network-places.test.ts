import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import { DISPATCH, newTask } from '../../verification/fixtures.ts';
import { followUps } from '../../worker/follow-ups.ts';
import * as store from '../index.ts';

const on: DatabaseFixture = await databaseFixture();
const api = on.as('api');
const workers = [on.as('worker'), on.as('worker'), on.as('worker')];
const [worker] = workers as [(typeof workers)[number]];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
  await quotas(3, 5);
});
afterAll(() => on.close());

const LEASE = 3_600;

const quotas = (ofOrganization: number, ofUser: number) => on.admin`
  update quotas set value = case name when 'running_requests_of_user' then ${ofUser}::bigint else ${ofOrganization}::bigint end
  where name in ('running_requests_of_user', 'running_requests_of_organization')`;

/** Creates a further organization of a user. */
async function organizationOf(user: Member): Promise<Member> {
  const organizationId = randomUUID();
  await on.admin`insert into organizations (id, name, created_by) values (${organizationId}, 'Further', ${user.userId})`;
  await on.join(user, organizationId, 'owner');
  return { ...user, organizationId };
}

/** Creates tasks of a member that wait for the network, due now. */
async function requests(of: Member, count: number, given: Partial<store.NewTask> = {}): Promise<string[]> {
  const tasks = Array.from({ length: count }, () => newTask({ waitsForNetwork: true, ...given }));
  const written = await store.insert(api, {
    principal: of,
    organizationId: of.organizationId,
    tasks,
    dispatch: DISPATCH,
  });
  return written.map(({ id }) => id);
}

const claim = async (ids: readonly string[], by = worker) =>
  (await store.claim(by, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed.map(({ id }) => id);

async function heldIn(ids: readonly string[]): Promise<string[]> {
  const rows =
    await on.admin`select held_by from tasks where id = any (${ids as string[]}::uuid[]) and held_by is not null`;
  return rows.map(({ held_by }) => held_by);
}

/** Ends tasks as a worker does. @returns the ids whose message it has sent */
async function end(ids: readonly string[]): Promise<string[]> {
  const sent: string[] = [];
  const after = followUps({
    db: worker,
    dispatch: DISPATCH,
    announce: () => {},
    log: () => {},
    enqueue: async (wakeUps) => {
      sent.push(...wakeUps.flatMap((wakeUp) => wakeUp.ids));
      return [];
    },
  });
  const outcomes = ids.map((id) => ({ id, attempt: 1, kind: 'complete', result: null }) as const);
  after.afterSettle(await store.settle(worker, outcomes, DISPATCH));
  await after.end();
  return sent;
}

describe('tasks that wait for the network', () => {
  test('run up to the limit of their organization, and the others are held', async () => {
    const ids = await requests(ada, 5);
    expect(await claim(ids)).toHaveLength(3);
    expect(await heldIn(ids)).toEqual([store.networkLane(ada.userId), store.networkLane(ada.userId)]);
  });

  test('are bounded for a user over all of its organizations', async () => {
    const other = await organizationOf(ada);
    const [mine, others] = [await requests(ada, 3), await requests(other, 3)];
    expect(await claim([...mine, ...others])).toHaveLength(5);
  });

  test('of one user do not count towards the bound of another one in another organization', async () => {
    const eve = await on.member();
    expect(await claim([...(await requests(ada, 3)), ...(await requests(eve, 3))])).toHaveLength(6);
  });

  test('keep to both bounds when several workers claim at the same moment', async () => {
    const other = await organizationOf(ada);
    const ids = [...(await requests(ada, 12)), ...(await requests(other, 12))];
    const shares = workers.map((_worker, nth) => ids.filter((_id, at) => at % workers.length === nth));
    const claims = await Promise.all(
      workers.map((by, nth) =>
        store.claim(by, { ids: shares[nth] ?? [], leaseSeconds: LEASE, soonSeconds: 0 }),
      ),
    );
    // Free places that a statement has left are given at once to tasks that can use them.
    let lanes = claims.flatMap(({ vacated }) => vacated);
    while (lanes.length > 0) {
      const released = await worker.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
      if (released.length === 0) break;
      lanes = (
        await store.claim(worker, { ids: released.map(({ id }) => id), leaseSeconds: LEASE, soonSeconds: 0 })
      ).vacated;
    }
    expect(await running(ids)).toHaveLength(5);
    const [row] = await on.admin<{ most: number }[]>`
      select max(count)::int as most from (
        select count(*) from tasks where id = any (${ids}::uuid[]) and status = 'RUNNING' group by organization_id) c`;
    expect(row?.most).toBeLessThanOrEqual(3);
  });

  test('have other tasks of their organization start beside them', async () => {
    await claim(await requests(ada, 4));
    const [task] = await store.insert(api, {
      principal: ada,
      organizationId: null,
      tasks: [newTask()],
      dispatch: DISPATCH,
    });
    expect(await claim([task?.id ?? ''])).toEqual([task?.id]);
  });

  test('of a user whose account is gone are bounded by their organization', async () => {
    const ids = await requests(ada, 5);
    await on.admin`update tasks set created_by = null where id = any (${ids}::uuid[])`;
    expect(await claim(ids)).toHaveLength(3);
    expect(await end((await running(ids)).slice(0, 2))).toHaveLength(2);
  });
});

const running = async (ids: readonly string[]): Promise<string[]> => {
  const rows = await on.admin`
    select id from tasks where id = any (${ids as string[]}::uuid[]) and status = 'RUNNING' order by id`;
  return rows.map(({ id }) => id);
};

describe('a place that becomes free', () => {
  test('goes to the task that is held for longest', async () => {
    const ids = await requests(ada, 3);
    const next = await requests(ada, 1);
    const last = await requests(ada, 1);
    await claim([...ids, ...next, ...last]);
    expect(await end(ids.slice(0, 1))).toEqual(next);
    expect(await claim(next)).toEqual(next);
    expect(await heldIn(last)).toHaveLength(1);
  });

  test('goes to another organization of the same user, when the user had no place left', async () => {
    const other = await organizationOf(ada);
    await quotas(3, 3);
    const mine = await requests(ada, 3);
    const others = await requests(other, 2);
    expect(await claim([...mine, ...others])).toEqual(mine);
    expect(await end(mine.slice(0, 1))).toEqual(others.slice(0, 1));
  });

  test('goes to another user of the organization when the first has no place left', async () => {
    const eve = await on.member();
    await on.join(eve, ada.organizationId, 'member');
    await quotas(2, 2);
    // All of Ada's places are taken in another organization.
    expect(await claim(await requests(await organizationOf(ada), 2))).toHaveLength(2);
    const hers = await requests(ada, 3);
    const eves = await requests({ ...eve, organizationId: ada.organizationId }, 3);
    expect(await claim(hers)).toEqual([]);
    const [first = '', second = '', third = ''] = eves;
    expect((await claim(eves)).toSorted()).toEqual([first, second].toSorted());
    expect(await end([first])).toEqual([third]);
  });

  test('is given without reading tasks that cannot use it', async () => {
    const ids = await requests(ada, 3);
    await claim(ids);
    await on.admin`
      insert into tasks (id, organization_id, created_by, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt_limit, waits_for_network, held_by)
      select gen_random_uuid(), ${ada.organizationId}, ${ada.userId}, 'http.request', 'Held', 'bulk', 'SCHEDULED', now(), now(),
        'infinity', 0, 1, true, ${store.networkLane(ada.userId)}
      from generate_series(1, 20000)`;
    await on.admin`analyze tasks`;
    const lane = { organizationId: ada.organizationId, lane: store.networkLane(ada.userId) };
    const release = () => worker.begin((tx) => store.releaseHeld(tx, [lane], DISPATCH));
    const blocks = async (work: () => Promise<unknown>) => {
      const read = async () => {
        await worker`select pg_stat_force_next_flush()`;
        const [row] = await worker<{ blocks: number }[]>`
          select sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int8 as blocks
          from pg_statio_user_tables where relname = 'tasks'`;
        return row?.blocks ?? 0;
      };
      const before = await read();
      await work();
      return (await read()) - before;
    };
    expect(await blocks(release)).toBeLessThan(200);
    await quotas(4, 5);
    expect(await release()).toHaveLength(1);
  });
});

test('a task that has a place of its key keeps it while it is held for the network', async () => {
  await claim(await requests(ada, 3));
  const key = { concurrencyKey: 'one', concurrencyLimit: 1 };
  const [first = '', second = ''] = await requests(ada, 2, key);
  expect(await claim([first])).toEqual([]);
  expect(await claim([second])).toEqual([]);
  expect(await heldIn([first, second])).toEqual([store.networkLane(ada.userId), 'key:one']);
});

test('a worker without network places leaves the task to others', async () => {
  const [one = '', two = ''] = await requests(ada, 2);
  const room = { kinds: [], runners: 0, networkPlaces: 1, seconds: 840 };
  const { claimed, unclaimed } = await store.claim(worker, {
    ids: [one, two],
    leaseSeconds: LEASE,
    soonSeconds: 0,
    alone: false,
    capacity: room,
  });
  expect(claimed.map(({ id }) => id)).toEqual([one]);
  expect(unclaimed).toMatchObject([{ id: two, missing: 'waiting' }]);
});
