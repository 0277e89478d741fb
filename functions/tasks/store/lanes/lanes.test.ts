import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type Member, type Stand, stand } from '../../../database/testing/stand.ts';
import { tick } from '../../dispatcher/tick.ts';
import { DISPATCH, insertTask, newTask } from '../../verification/fixtures.ts';
import { followUps } from '../../worker/follow-ups.ts';
import * as store from '../index.ts';
import { claimInLanes } from './lanes.ts';

const on: Stand = await stand();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const LEASE = 3_600;

const keyed = (limit: number, count: number, of = ada) =>
  Promise.all(
    Array.from({ length: count }, () =>
      insertTask(api, of, { concurrencyKey: 'printer', concurrencyLimit: limit }),
    ),
  ).then((tasks) => tasks.map(({ id }) => id));

const complete = (id: string) =>
  store.settle(worker, [{ id, attempt: 1, kind: 'complete', result: null }], DISPATCH);

const release = (lane: string) =>
  worker.begin((tx) => store.releaseHeld(tx, [{ organizationId: ada.organizationId, lane }], DISPATCH));

const heldBy = async (id: string) => {
  const [row] = await on.admin`select held_by from tasks where id = ${id}`;
  return row?.held_by;
};

/** Returns the ids that a tick of the dispatcher sends of Ada's tasks. */
async function dispatched(): Promise<string[]> {
  const sent: string[] = [];
  const deps = {
    db: dispatcher,
    announce: () => {},
    dispatch: DISPATCH,
    round: { lane: null },
    enqueue: async (wakeUps: readonly { ids: readonly string[]; organizationId: string }[]) => {
      for (const { ids, organizationId } of wakeUps)
        if (organizationId === ada.organizationId) sent.push(...ids);
      return [];
    },
  };
  await tick(deps, () => 60);
  return sent;
}

describe('a concurrency key', () => {
  test('lets as many run at once as its limit says, and holds the rest', async () => {
    const ids = await keyed(2, 5);
    const { claimed, unclaimed } = await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    expect(claimed).toHaveLength(2);
    expect(unclaimed).toEqual([]);
    const held = ids.filter((id) => !claimed.some((task) => task.id === id));
    for (const id of held) expect(await heldBy(id)).toBe('key:printer');
  });

  test('lets no more run when many workers claim at once', async () => {
    const ids = await keyed(3, 24);
    const workers = Array.from({ length: 6 }, () => on.as('worker'));
    const claims = await Promise.all(
      workers.map((db, n) =>
        store.claim(db, { ids: ids.slice(n * 4, n * 4 + 4), leaseSeconds: LEASE, soonSeconds: 0 }),
      ),
    );
    expect(claims.flatMap(({ claimed }) => claimed)).toHaveLength(3);
  });

  test('starts nothing that has got a later time just when its turn came', async () => {
    const [id = ''] = await keyed(1, 1);
    await on.admin`update tasks set run_at = now() + interval '1 hour' where id = ${id}`;
    // As after a claim for which the task was still due.
    const { claimed, settled } = await claimInLanes(worker, { ids: [id], leaseSeconds: LEASE, alone: false });
    expect([claimed, settled.size]).toEqual([[], 0]);
  });

  test('starts nothing that has been paused, or has taken a worker down, just when its turn came', async () => {
    const [paused = '', suspect = ''] = [
      (await insertTask(api, ada, { concurrencyKey: 'a', concurrencyLimit: 1, queue: 'bulk' })).id,
      (await insertTask(api, ada, { concurrencyKey: 'b', concurrencyLimit: 1 })).id,
    ];
    await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'queue', 'bulk')`;
    await on.admin`update tasks set crashes = 1 where id = ${suspect}`;
    const { claimed, settled } = await claimInLanes(worker, {
      ids: [paused, suspect],
      leaseSeconds: LEASE,
      alone: false,
    });
    expect([claimed, [...settled]]).toEqual([[], [paused]]);
    expect(await heldBy(paused)).toBe('queue:bulk');
  });

  test('starts those first that have waited longest', async () => {
    const ids = await keyed(1, 2);
    const [first = '', second = ''] = ids.toSorted();
    await on.admin`update tasks set run_at = now() - interval '1 minute' where id = ${second}`;
    expect((await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed).toMatchObject([
      { id: second },
    ]);
    expect(await heldBy(first)).toBe('key:printer');
  });

  test('that is full leaves a task as it was, and to nobody’s care; what starts forgets the attempt before', async () => {
    const ids = await keyed(1, 2);
    const progress = { fraction: 0.5, note: null, at: new Date().toISOString() };
    await on.admin`
      update tasks set attempt = 1, started_at = now() - interval '1 minute', dispatches = 3, progress = ${JSON.stringify(progress)}::jsonb
      where id = any (${ids}::uuid[])`;
    const rows = async () => {
      const all = await on.admin`
        select t.*, next_dispatch_at::text from tasks t where id = any (${ids}::uuid[]) order by id`;
      return new Map(all.map((row) => [String(row.id), row]));
    };
    const before = await rows();
    const { claimed } = await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    expect(claimed).toMatchObject([{ attempt: 2, progress: null }]);
    const held = ids.find((id) => id !== claimed[0]?.id) ?? '';
    expect((await rows()).get(held)).toEqual({
      ...before.get(held),
      held_by: 'key:printer',
      next_dispatch_at: 'infinity',
    });
  });

  test('is another one in another organization', async () => {
    const eve = await on.member();
    const ids = [...(await keyed(1, 1)), ...(await keyed(1, 1, eve))];
    expect((await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed).toHaveLength(2);
  });

  test('releases the next when a place becomes free, and the one that has waited longest first', async () => {
    const ids = await keyed(1, 3);
    const { claimed } = await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    const [running] = claimed;
    if (!running) throw new Error('nothing runs');
    expect(await release('key:printer')).toEqual([]);
    await complete(running.id);
    const released = await release('key:printer');
    const waiting =
      await on.admin`select id from tasks where id = any (${ids}::uuid[]) and id <> ${running.id} order by run_at`;
    expect(released.map(({ id }) => id)).toEqual([waiting[0]?.id]);
    expect(
      (await store.claim(worker, { ids: [waiting[0]?.id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
  });

  test('loses nobody when who freed the place died: the next tick releases', async () => {
    const ids = await keyed(1, 2);
    const [running] = (await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed;
    expect(await dispatched()).toEqual([]);
    await complete(running?.id ?? '');
    expect(await dispatched()).toEqual(ids.filter((id) => id !== running?.id));
  });

  test('that is held can be cancelled, and given another time', async () => {
    const ids = await keyed(1, 3);
    await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    const [one, other] = (
      await on.admin`select id from tasks where id = any (${ids}::uuid[]) and held_by is not null`
    ).map((row) => row.id);
    await on.admin.begin((tx) => store.cancel(tx, one));
    await on.admin.begin((tx) =>
      store.reschedule(tx, {
        id: other,
        scheduledTime: new Date(Date.now() + 1e6).toISOString(),
        dispatch: DISPATCH,
      }),
    );
    expect([await heldBy(one), await heldBy(other)]).toEqual([null, null]);
  });
});

describe('the order of tasks with one key', () => {
  /** Claims tasks one after the other, and returns their order. */
  async function started(ids: readonly string[]): Promise<string[]> {
    const order: string[] = [];
    for (let left = [...ids]; left.length > 0; left = left.filter((id) => !order.includes(id))) {
      const { claimed } = await store.claim(worker, { ids: left, leaseSeconds: LEASE, soonSeconds: 0 });
      expect(claimed).toHaveLength(1);
      for (const { id } of claimed) {
        order.push(id);
        await complete(id);
      }
      await release('key:printer');
    }
    return order;
  }

  test('is that of their creation when their times are past, whatever these are', async () => {
    const tasks = ['2024-03-01', '2024-01-01', '2024-02-01'].map((day) =>
      newTask({ concurrencyKey: 'printer', concurrencyLimit: 1, scheduledTime: `${day}T00:00:00Z` }),
    );
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    const ids = tasks.map(({ id }) => id);
    expect(await started(ids)).toEqual(ids.toSorted());
  });

  test('is held to by one with a smaller limit: those behind it do not go past it', async () => {
    const limits = [3, 3, 1, 3];
    const tasks = limits.map((concurrencyLimit) => newTask({ concurrencyKey: 'printer', concurrencyLimit }));
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    const [one = '', other = '', narrow = '', last = ''] = tasks.map(({ id }) => id);
    await on.admin`update tasks set run_at = now() - interval '1 minute' where id = any (${[one, other]}::uuid[])`;
    await store.claim(worker, { ids: [one, other], leaseSeconds: LEASE, soonSeconds: 0 });
    await store.claim(worker, { ids: [narrow, last], leaseSeconds: LEASE, soonSeconds: 0 });
    expect([await heldBy(narrow), await heldBy(last)]).toEqual(['key:printer', 'key:printer']);
    await complete(one);
    expect(await release('key:printer')).toEqual([]);
    await complete(other);
    expect((await release('key:printer')).map(({ id }) => id).toSorted()).toEqual([narrow, last]);
  });
});

describe('a bound of the organization', () => {
  const bound = (maxRunning: number) =>
    on.admin`update organizations set max_running = ${maxRunning} where id = ${ada.organizationId}`;
  const some = async (count: number) =>
    (await Promise.all(Array.from({ length: count }, () => insertTask(api, ada)))).map(({ id }) => id);
  const claimed = async (ids: readonly string[], db = worker) =>
    (await store.claim(db, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed.map(({ id }) => id);

  test('counts what runs already', async () => {
    await bound(3);
    const ids = await some(5);
    expect(await claimed(ids.slice(0, 2))).toHaveLength(2);
    expect(await claimed(ids.slice(2))).toHaveLength(1);
    expect(await claimed(ids)).toEqual([]);
  });

  test('lets no more run when many workers claim at once', async () => {
    await bound(3);
    const ids = await some(24);
    const claims = await Promise.all(
      Array.from({ length: 6 }, (_, n) => claimed(ids.slice(n * 4, n * 4 + 4), on.as('worker'))),
    );
    expect(claims.flat()).toHaveLength(3);
  });

  test('starts those first that have waited longest, and keeps no place for what its key holds', async () => {
    await bound(2);
    const [one = '', other = ''] = (await keyed(1, 2)).toSorted();
    const [late = '', early = ''] = (await some(2)).toSorted();
    const since = async (id: string, minutes: number) =>
      on.admin`update tasks set run_at = now() - ${minutes} * interval '1 minute' where id = ${id}`;
    for (const [n, id] of [one, other, early, late].entries()) await since(id, 9 - n);
    expect((await claimed([one, other, late, early])).toSorted()).toEqual([one, early].toSorted());
    expect([await heldBy(other), await heldBy(late)]).toEqual(['key:printer', 'organization']);
  });

  test('counts all of its tasks, and nobody else’s', async () => {
    const eve = await on.member();
    await on.admin`update organizations set max_running = 2 where id = ${ada.organizationId}`;
    const mine = await Promise.all(Array.from({ length: 4 }, () => insertTask(api, ada)));
    const hers = await Promise.all(Array.from({ length: 4 }, () => insertTask(api, eve)));
    const { claimed } = await store.claim(worker, {
      ids: [...mine, ...hers].map(({ id }) => id),
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    const count = (member: Member) =>
      claimed.filter(({ organizationId }) => organizationId === member.organizationId).length;
    expect([count(ada), count(eve)]).toEqual([2, 4]);
    const [done] = claimed.filter(({ organizationId }) => organizationId === ada.organizationId);
    const [settled] = await complete(done?.id ?? '');
    expect(settled?.capped).toBe(true);
    expect(await release('organization')).toHaveLength(1);
  });

  test('that has been lowered below what runs releases nobody', async () => {
    await bound(3);
    await claimed(await some(4));
    await bound(1);
    expect(await release('organization')).toEqual([]);
  });

  test('that has been taken away lets everything through', async () => {
    await on.admin`update organizations set max_running = 1 where id = ${ada.organizationId}`;
    const ids = (await Promise.all(Array.from({ length: 4 }, () => insertTask(api, ada)))).map(
      ({ id }) => id,
    );
    await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    await on.admin`update organizations set max_running = null where id = ${ada.organizationId}`;
    expect(await dispatched()).toHaveLength(3);
  });
});

describe('a pause', () => {
  test('is its organization’s own', async () => {
    const eve = await on.member();
    await on.admin`
      insert into pauses (organization_id, scope, name)
      values (${eve.organizationId}, 'kind', 'data.process'), (${eve.organizationId}, 'queue', 'interactive')`;
    const { id } = await insertTask(api, ada);
    expect(
      (await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
    const held = await insertTask(api, ada);
    await on.admin`update tasks set held_by = 'kind:data.process', next_dispatch_at = 'infinity' where id = ${held.id}`;
    expect(await release('kind:data.process')).toMatchObject([{ id: held.id }]);
  });

  test('that is over lets go of a thousand at a time', async () => {
    const tasks = Array.from({ length: store.MAX_RELEASED + 1 }, () => newTask());
    await store.insert(api, { principal: ada, organizationId: null, tasks, dispatch: DISPATCH });
    await on.admin`
      update tasks set held_by = 'queue:interactive', next_dispatch_at = 'infinity'
      where organization_id = ${ada.organizationId}`;
    expect(await release('queue:interactive')).toHaveLength(store.MAX_RELEASED);
    expect(await release('queue:interactive')).toHaveLength(1);
  });

  test('of a kind holds its due tasks until it ends', async () => {
    const { id } = await insertTask(api, ada);
    const other = await insertTask(api, ada, { kind: 'http.request' });
    await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'kind', 'data.process')`;
    const { claimed, unclaimed } = await store.claim(worker, {
      ids: [id, other.id],
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    expect(claimed.map((task) => task.id)).toEqual([other.id]);
    expect(unclaimed).toEqual([]);
    expect(await heldBy(id)).toBe('kind:data.process');
    expect(await dispatched()).toEqual([]);
    await on.admin`delete from pauses where organization_id = ${ada.organizationId}`;
    expect(await dispatched()).toEqual([id]);
    expect(
      (await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
  });

  test('is obeyed by the dispatcher, which sends nothing for what is paused', async () => {
    const { id } = await insertTask(api, ada, { queue: 'bulk' });
    await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'queue', 'bulk')`;
    await on.admin`update tasks set next_dispatch_at = now() where id = ${id}`;
    expect(await dispatched()).toEqual([]);
    expect(await heldBy(id)).toBe('queue:bulk');
  });

  test('holds also what would have to queue up for another lane', async () => {
    const [id = ''] = await keyed(1, 1);
    await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'queue', 'interactive')`;
    // Its place of the key becomes free for another task.
    expect(await store.claim(worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).toEqual({
      claimed: [],
      unclaimed: [],
      vacated: [{ organizationId: ada.organizationId, lane: 'key:printer' }],
    });
    expect(await heldBy(id)).toBe('queue:interactive');
  });
});

test('a worker that has freed places releases who waits for them, and sends their messages', async () => {
  const sent: string[] = [];
  const after = followUps({
    db: worker,
    dispatch: DISPATCH,
    announce: () => {},
    log: () => {},
    enqueue: async (wakeUps) => {
      sent.push(...wakeUps.flatMap(({ ids }) => ids));
      return [];
    },
  });
  await on.admin`update organizations set max_running = 2 where id = ${ada.organizationId}`;
  const printers = await keyed(1, 2);
  const others = await Promise.all([insertTask(api, ada), insertTask(api, ada)]);
  await store.claim(worker, { ids: printers, leaseSeconds: LEASE, soonSeconds: 0 });
  await store.claim(worker, { ids: others.map(({ id }) => id), leaseSeconds: LEASE, soonSeconds: 0 });
  const rows = await on.admin`
    select id, status from tasks where organization_id = ${ada.organizationId} order by status desc, id`;
  const ids = (status: string) => rows.filter((row) => row.status === status).map(({ id }) => String(id));
  expect([ids('SCHEDULED').length, ids('RUNNING').length]).toEqual([2, 2]);
  const outcomes = ids('RUNNING').map((id) => ({ id, attempt: 1, kind: 'complete', result: null }) as const);
  after.afterSettle(await store.settle(worker, outcomes, DISPATCH));
  await after.end();
  expect(sent.toSorted()).toEqual(ids('SCHEDULED').toSorted());
});

describe('who has a row or a lane locked', () => {
  const soon = <T>(work: Promise<T>) => Promise.race([work, sleep(5_000, 'waits' as const)]);

  test('keeps a claim in that lane from its row alone', async () => {
    const [locked = '', free = ''] = await keyed(2, 2);
    await on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${locked} for update`;
      const claim = await soon(
        store.claim(worker, { ids: [locked, free], leaseSeconds: LEASE, soonSeconds: 0 }),
      );
      expect(claim).toMatchObject({ claimed: [{ id: free }], unclaimed: [{ id: locked }] });
    });
  });

  test('does not keep a release waiting for its row', async () => {
    const ids = await keyed(1, 3);
    const [running] = (await store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed;
    await complete(running?.id ?? '');
    const [first] =
      await on.admin`select id from tasks where id = any (${ids}::uuid[]) and held_by is not null order by run_at`;
    await on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${first?.id} for update`;
      expect(await soon(release('key:printer'))).toEqual([]);
    });
    expect(await release('key:printer')).toMatchObject([{ id: first?.id }]);
  });

  test('is waited for by a release, which else would miss what is just about to be held', async () => {
    const [id = ''] = await keyed(1, 1);
    let released: ReturnType<typeof release> | undefined;
    await on.admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${ada.organizationId} || 'key:printer', 0))`;
      released = release('key:printer');
      await tx`update tasks set held_by = 'key:printer', next_dispatch_at = 'infinity' where id = ${id}`;
      await sleep(200);
    });
    expect(await released).toMatchObject([{ id }]);
  });
});

test('lanes with held tasks are found, each once', async () => {
  await keyed(1, 4).then((ids) => store.claim(worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 }));
  await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'kind', 'http.request')`;
  const paused = await Promise.all([1, 2].map(() => insertTask(api, ada, { kind: 'http.request' })));
  await store.claim(worker, { ids: paused.map(({ id }) => id), leaseSeconds: LEASE, soonSeconds: 0 });
  const mine = (await store.heldLanes(dispatcher, 1000)).filter(
    (l) => l.organizationId === ada.organizationId,
  );
  expect(mine.map(({ lane }) => lane)).toEqual(['key:printer', 'kind:http.request']);
  const [printer = null, other = null] = mine;
  expect((await store.heldLanes(dispatcher, 1, printer))[0]).toEqual(other);
  expect(await store.heldLanes(dispatcher, 1000, other)).not.toContainEqual(printer);
});
