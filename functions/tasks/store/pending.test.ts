import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { DISPATCH, newTask } from '../verification/fixtures.ts';
import * as store from './index.ts';

const on: DatabaseFixture = await databaseFixture();
const apis = Array.from({ length: 4 }, () => on.as('api'));
const [api] = apis as [(typeof apis)[number]];
const [worker, dispatcher] = [on.as('worker'), on.as('dispatcher')];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
  await bounds({});
});
afterAll(() => on.close());

const LEASE = 3_600;
/** A bound so high that no owner is near it. */
const MANY = 100_000_000;

const bounds = async ({ organization = MANY, user = MANY, installation = 10 * MANY }) => {
  for (const [name, value] of Object.entries({ organization, user, installation }))
    await on.admin`update quotas set value = ${value} where name = ${`pending_of_${name}`}`;
  await store.countPending(dispatcher);
};

const create = async (count: number, of = ada, by = api) =>
  (
    await store.insert(by, {
      principal: of,
      organizationId: of.organizationId,
      tasks: Array.from({ length: count }, () => newTask()),
      dispatch: DISPATCH,
    })
  ).map(({ id }) => id);

/** Returns the counted and the real number of an organization's unfinished tasks. */
async function counted({ organizationId } = ada): Promise<[number, number]> {
  const [row] = await on.admin<{ counted: number; there: number }[]>`
    select (select coalesce(sum(pending), 0)::int from pending_tasks where organization_id = ${organizationId}) as counted,
      (select count(*)::int from tasks where organization_id = ${organizationId}
        and status in ('PENDING', 'SCHEDULED', 'RUNNING')) as there`;
  return [row?.counted ?? Number.NaN, row?.there ?? Number.NaN];
}

describe('the count of unfinished tasks', () => {
  test('follows tasks through all moves', async () => {
    const ids = await create(6);
    expect(await counted()).toEqual([6, 6]);
    const [done = '', failed = '', retried = '', cancelled = '', crashed = ''] = ids;
    await store.claim(worker, { ids: [done, failed, retried, crashed], leaseSeconds: LEASE, soonSeconds: 0 });
    expect(await counted()).toEqual([6, 6]);
    const error = { code: 'x', message: 'x' };
    await store.settle(
      worker,
      [
        { id: done, attempt: 1, kind: 'complete', result: null },
        { id: failed, attempt: 1, kind: 'fail', error },
        { id: retried, attempt: 1, kind: 'retry', error, delaySeconds: 60 },
      ],
      DISPATCH,
    );
    expect(await counted()).toEqual([4, 4]);
    await asMember(api, ada, (tx) => store.cancel(tx, cancelled));
    expect(await counted()).toEqual([3, 3]);
    await on.admin`
      update tasks set lease_until = now() - interval '1 second', attempt_limit = attempt where id = ${crashed}`;
    await store.rescue(dispatcher, null, 1_000);
    expect(await counted()).toEqual([2, 2]);
    await asMember(api, ada, (tx) => store.requeue(tx, failed, DISPATCH));
    expect(await counted()).toEqual([3, 3]);
  });

  test('follows batches', async () => {
    const tasks = [newTask(), newTask(), newTask()];
    await store.insertBatch(api, {
      principal: ada,
      organizationId: null,
      batch: { id: newTask().id, name: '', queue: 'bulk' },
      tasks,
      dispatch: DISPATCH,
    });
    expect(await counted()).toEqual([3, 3]);
  });

  test('belongs to the user who created a task, whoever ends it', async () => {
    const eve = await on.member();
    await on.join(eve, ada.organizationId, 'member');
    const [id = ''] = await create(1, { ...eve, organizationId: ada.organizationId });
    await asMember(api, ada, (tx) => store.cancel(tx, id));
    const [row] =
      await on.admin`select sum(pending)::int as pending from pending_tasks where user_id = ${eve.userId}`;
    expect(row?.pending).toBe(0);
  });
});

describe('rows of connections', () => {
  const rows = async ({ organizationId } = ada) =>
    (
      await on.admin`
        select sum(pending)::int as pending from pending_tasks where organization_id = ${organizationId} group by shard`
    ).map((row) => row.pending as number);

  test('are merged, and deleted when nothing is left', async () => {
    const ids = (await Promise.all(apis.map((by) => create(2, ada, by)))).flat();
    expect((await rows()).length).toBeGreaterThan(1);
    await store.compactPendingCounters(dispatcher, 1_000_000);
    expect(await rows()).toEqual([8]);
    await Promise.all(ids.map((id) => asMember(api, ada, (tx) => store.cancel(tx, id))));
    expect(await counted()).toEqual([0, 0]);
    await store.compactPendingCounters(dispatcher, 1_000_000);
    await store.compactPendingCounters(dispatcher, 1_000_000);
    expect(await rows()).toEqual([]);
  });

  test('of tasks that were created and have ended leave no row', async () => {
    const [id = ''] = await create(1, ada, apis[0]);
    await asMember(apis[1] ?? api, ada, (tx) => store.cancel(tx, id));
    await store.compactPendingCounters(dispatcher, 1_000_000);
    expect(await rows()).toEqual([]);
  });

  test('that another transaction has locked do not hold up the merge', async () => {
    await create(1);
    await on.admin.begin(async (tx) => {
      await tx`select from pending_tasks where organization_id = ${ada.organizationId} for update`;
      await store.compactPendingCounters(dispatcher, 1_000_000);
    });
    expect(await counted()).toEqual([1, 1]);
  });

  test('lose nothing when they are merged while others count', async () => {
    let over = false;
    const adding = (async () => {
      while (!over) await store.compactPendingCounters(dispatcher, 1_000_000);
    })();
    await Promise.all(
      apis.map(async (by) => {
        for (let n = 0; n < 50; n += 1) {
          const [id = ''] = await create(1, ada, by);
          if (n % 2) await asMember(by, ada, (tx) => store.cancel(tx, id));
        }
      }),
    );
    over = true;
    await adding;
    expect(await counted()).toEqual([100, 100]);
    await store.compactPendingCounters(dispatcher, 1_000_000);
    expect(await counted()).toEqual([100, 100]);
  });
});

describe('far from its bounds', () => {
  /** Holds the lock that full_bound() waits for. */
  const locked = ({ organizationId }: Member, during: () => Promise<void>) =>
    on.admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${organizationId} || 'pending', 0))`;
      await during();
    });
  /** Creates a task. Expects that its owners are summed up, or that they are not. */
  const createdSummedUp = async (of: Member) => {
    let created: Promise<string[]> | undefined;
    await locked(of, async () => {
      created = create(1, of);
      await waits();
    });
    expect(await created).toHaveLength(1);
  };
  const createdUnsummed = (of: Member) => locked(of, async () => expect(await create(1, of)).toHaveLength(1));
  const setPending = (pending: number) =>
    on.admin`update pending_tasks set pending = ${pending} where organization_id = ${ada.organizationId}`;
  /** Removes what a test counted without tasks, which would be in the count of the installation. */
  afterEach(() => on.admin`delete from pending_tasks`);
  const waits = () =>
    expect
      .poll(
        async () =>
          (await dispatcher`select from pg_locks where locktype = 'advisory' and not granted`).length,
      )
      .toBeGreaterThan(0);

  test('creating tasks sums nothing up, and waits for no lock', () => createdUnsummed(ada));

  test.each([
    ['organization', { organization: MANY, user: 2 * MANY }],
    ['user', { organization: 2 * MANY, user: MANY }],
  ])('is who has a million places left; a nearer %s is summed up, and no stranger', async (_, near) => {
    const eve = await on.member();
    await create(1);
    await setPending(MANY - 1_000_000);
    await bounds(near);
    await createdUnsummed(ada);
    await setPending(MANY - 999_999);
    await bounds(near);
    await createdSummedUp(ada);
    await createdUnsummed(eve);
    await setPending(MANY);
    expect(await create(1)).toEqual([]);
    await setPending(1);
    await bounds(near);
    await createdUnsummed(ada);
  });

  test('is nobody while the installation has less than a million places left', async () => {
    const eve = await on.member();
    await create(1);
    const near = { organization: 100 * MANY, user: 100 * MANY, installation: MANY };
    await setPending(MANY - 1_000_000);
    await bounds(near);
    await createdUnsummed(eve);
    await setPending(MANY - 999_990);
    await bounds(near);
    await createdSummedUp(eve);
  });

  test('are owners again as soon as the dispatcher counts', async () => {
    await on.admin`update pending_in_installation set counted_at = now() - interval '301 seconds'`;
    await createdSummedUp(ada);
    await store.countPending(dispatcher);
    await createdUnsummed(ada);
  });

  test('is no owner when the dispatcher has not counted for five minutes', async () => {
    await on.admin`update quotas set value = 3 where name = 'pending_of_organization'`;
    await on.admin`update pending_in_installation set counted_at = now() - interval '301 seconds'`;
    expect(await create(4)).toEqual([]);
    await on.admin`update pending_in_installation set counted_at = now() - interval '290 seconds'`;
    expect(await create(4)).toHaveLength(4);
  });
});

describe('a full bound', () => {
  for (const [what, full] of [
    ['its organization', 'organization'],
    ['its user', 'user'],
  ] as const) {
    test(`of ${what} admits exactly its number of tasks, even when many are created at once`, async () => {
      await bounds({ [full]: 10 });
      const made = await Promise.all(
        Array.from({ length: 40 }, (_, n) => create(1, ada, apis[n % apis.length])),
      );
      expect(made.flat()).toHaveLength(10);
      expect(await create(1)).toEqual([]);
      const { organizationId, userId } = ada;
      const asked = await asMember(api, ada, (tx) =>
        store.fullBound(tx, { organizationId, userId, count: 1 }),
      );
      expect(asked).toBe(full);
    });
  }

  test('refuses a whole batch without room for all, and admits it as soon as there is room', async () => {
    await bounds({ organization: 10 });
    const ids = await create(8);
    expect(await create(3)).toEqual([]);
    expect(await create(2)).toHaveLength(2);
    await asMember(api, ada, (tx) => store.cancel(tx, ids[0] ?? ''));
    expect(await create(1)).toHaveLength(1);
  });

  test('of the installation is counted by the dispatcher', async () => {
    await create(1);
    const all = await store.countPending(dispatcher);
    await bounds({ installation: all });
    expect(await create(1)).toEqual([]);
    await bounds({ installation: all + 1 });
    expect(await create(1)).toHaveLength(1);
  });

  test('of one organization does not affect another one of another user', async () => {
    await bounds({ organization: 1, user: 1 });
    expect(await create(1)).toHaveLength(1);
    expect(await create(1)).toEqual([]);
    expect(await create(1, await on.member())).toHaveLength(1);
  });
});
