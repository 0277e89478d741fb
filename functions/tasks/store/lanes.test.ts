import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type Member, type Stand, stand } from '../../database/testing.ts';
import { tick } from '../dispatch.ts';
import { DISPATCH, insertTask } from '../testing.ts';
import * as store from './index.ts';
import { claimInLanes } from './lanes.ts';

const on: Stand = await stand();
const [api, worker, dispatcher] = [on.as('api'), on.as('worker'), on.as('dispatcher')];
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const LEASE = 30;

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

/** What a tick of the dispatcher sends of Ada's. */
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
    const { claimed, unclaimed } = await store.claim(worker, ids, LEASE, 0);
    expect(claimed).toHaveLength(2);
    expect(unclaimed).toEqual([]);
    const held = ids.filter((id) => !claimed.some((task) => task.id === id));
    for (const id of held) expect(await heldBy(id)).toBe('key:printer');
  });

  test('lets no more run when many workers claim at once', async () => {
    const ids = await keyed(3, 24);
    const workers = Array.from({ length: 6 }, () => on.as('worker'));
    const claims = await Promise.all(
      workers.map((db, n) => store.claim(db, ids.slice(n * 4, n * 4 + 4), LEASE, 0)),
    );
    expect(claims.flatMap(({ claimed }) => claimed)).toHaveLength(3);
  });

  test('starts nothing that has got a later time just when its turn came', async () => {
    const [id = ''] = await keyed(1, 1);
    await on.admin`update tasks set run_at = now() + interval '1 hour' where id = ${id}`;
    // As it is called when the task was due a moment ago.
    const { claimed, settled } = await claimInLanes(worker, [id], LEASE, false);
    expect([claimed, settled.size]).toEqual([[], 0]);
  });

  test('is another one in another organization', async () => {
    const eve = await on.member();
    const ids = [...(await keyed(1, 1)), ...(await keyed(1, 1, eve))];
    expect((await store.claim(worker, ids, LEASE, 0)).claimed).toHaveLength(2);
  });

  test('releases the next when a place becomes free, and the one that has waited longest first', async () => {
    const ids = await keyed(1, 3);
    const { claimed } = await store.claim(worker, ids, LEASE, 0);
    const [running] = claimed;
    if (!running) throw new Error('nothing runs');
    expect(await release('key:printer')).toEqual([]);
    await complete(running.id);
    const released = await release('key:printer');
    const waiting =
      await on.admin`select id from tasks where id = any (${ids}::uuid[]) and id <> ${running.id} order by run_at`;
    expect(released.map(({ id }) => id)).toEqual([waiting[0]?.id]);
    expect((await store.claim(worker, [waiting[0]?.id], LEASE, 0)).claimed).toHaveLength(1);
  });

  test('loses nobody when who freed the place died: the next tick releases', async () => {
    const ids = await keyed(1, 2);
    const [running] = (await store.claim(worker, ids, LEASE, 0)).claimed;
    expect(await dispatched()).toEqual([]);
    await complete(running?.id ?? '');
    expect(await dispatched()).toEqual(ids.filter((id) => id !== running?.id));
  });

  test('that is held can be cancelled, and given another time', async () => {
    const ids = await keyed(1, 3);
    await store.claim(worker, ids, LEASE, 0);
    const [one, other] = (
      await on.admin`select id from tasks where id = any (${ids}::uuid[]) and held_by is not null`
    ).map((row) => row.id);
    await on.admin.begin((tx) => store.cancel(tx, one));
    await on.admin.begin((tx) =>
      store.reschedule(tx, other, new Date(Date.now() + 1e6).toISOString(), DISPATCH),
    );
    expect([await heldBy(one), await heldBy(other)]).toEqual([null, null]);
  });
});

describe('a bound of the organization', () => {
  test('counts all of its tasks, and nobody else’s', async () => {
    const eve = await on.member();
    await on.admin`update organizations set max_running = 2 where id = ${ada.organizationId}`;
    const mine = await Promise.all(Array.from({ length: 4 }, () => insertTask(api, ada)));
    const hers = await Promise.all(Array.from({ length: 4 }, () => insertTask(api, eve)));
    const { claimed } = await store.claim(
      worker,
      [...mine, ...hers].map(({ id }) => id),
      LEASE,
      0,
    );
    const count = (member: Member) =>
      claimed.filter(({ organizationId }) => organizationId === member.organizationId).length;
    expect([count(ada), count(eve)]).toEqual([2, 4]);
    const [done] = claimed.filter(({ organizationId }) => organizationId === ada.organizationId);
    const [settled] = await complete(done?.id ?? '');
    expect(settled?.capped).toBe(true);
    expect(await release('organization')).toHaveLength(1);
  });

  test('that has been taken away lets everything through', async () => {
    await on.admin`update organizations set max_running = 1 where id = ${ada.organizationId}`;
    const ids = (await Promise.all(Array.from({ length: 4 }, () => insertTask(api, ada)))).map(
      ({ id }) => id,
    );
    await store.claim(worker, ids, LEASE, 0);
    await on.admin`update organizations set max_running = null where id = ${ada.organizationId}`;
    expect(await dispatched()).toHaveLength(3);
  });
});

describe('a pause', () => {
  test('of a kind holds its due tasks until it ends', async () => {
    const { id } = await insertTask(api, ada);
    const other = await insertTask(api, ada, { kind: 'http.request' });
    await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'kind', 'data.process')`;
    const { claimed, unclaimed } = await store.claim(worker, [id, other.id], LEASE, 0);
    expect(claimed.map((task) => task.id)).toEqual([other.id]);
    expect(unclaimed).toEqual([]);
    expect(await heldBy(id)).toBe('kind:data.process');
    expect(await dispatched()).toEqual([]);
    await on.admin`delete from pauses where organization_id = ${ada.organizationId}`;
    expect(await dispatched()).toEqual([id]);
    expect((await store.claim(worker, [id], LEASE, 0)).claimed).toHaveLength(1);
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
    expect((await store.claim(worker, [id], LEASE, 0)).claimed).toEqual([]);
    expect(await heldBy(id)).toBe('queue:interactive');
  });
});

test('lanes with held tasks are found, each once', async () => {
  await keyed(1, 4).then((ids) => store.claim(worker, ids, LEASE, 0));
  await on.admin`insert into pauses (organization_id, scope, name) values (${ada.organizationId}, 'kind', 'http.request')`;
  const paused = await Promise.all([1, 2].map(() => insertTask(api, ada, { kind: 'http.request' })));
  await store.claim(
    worker,
    paused.map(({ id }) => id),
    LEASE,
    0,
  );
  const mine = (await store.heldLanes(dispatcher, 1000)).filter(
    (l) => l.organizationId === ada.organizationId,
  );
  expect(mine.map(({ lane }) => lane)).toEqual(['key:printer', 'kind:http.request']);
  const [printer = null, other = null] = mine;
  expect((await store.heldLanes(dispatcher, 1, printer))[0]).toEqual(other);
  expect(await store.heldLanes(dispatcher, 1000, other)).not.toContainEqual(printer);
});
