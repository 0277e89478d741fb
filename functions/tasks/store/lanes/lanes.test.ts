import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Member } from '../../../database/testing/database-fixture.ts';
import { DISPATCH, insertTask, newTask } from '../../verification/fixtures.ts';
import { followUps } from '../../worker/follow-ups.ts';
import * as store from '../index.ts';
import { LEASE } from '../testing/store-stage.ts';
import { lanesStage } from './testing/lanes-stage.ts';

const stage = lanesStage();
const { keyed, complete, release, heldBy, dispatched } = stage;

describe('a bound of the organization', () => {
  const bound = (maxRunning: number) =>
    stage.on
      .admin`update organizations set max_running = ${maxRunning} where id = ${stage.ada.organizationId}`;
  const some = async (count: number) =>
    (await Promise.all(Array.from({ length: count }, () => insertTask(stage.api, stage.ada)))).map(
      ({ id }) => id,
    );
  const claimed = async (ids: readonly string[], db = stage.worker) =>
    (await store.claim(db, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed.map(({ id }) => id);

  test('counts running tasks', async () => {
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
      Array.from({ length: 6 }, (_, n) => claimed(ids.slice(n * 4, n * 4 + 4), stage.on.as('worker'))),
    );
    expect(claims.flat()).toHaveLength(3);
  });

  test('starts first the tasks that have waited longest, and keeps no place for tasks that a key holds', async () => {
    await bound(2);
    const [one = '', other = ''] = (await keyed(1, 2)).toSorted();
    const [late = '', early = ''] = (await some(2)).toSorted();
    const since = async (id: string, minutes: number) =>
      stage.on.admin`update tasks set run_at = now() - ${minutes} * interval '1 minute' where id = ${id}`;
    for (const [n, id] of [one, other, early, late].entries()) await since(id, 9 - n);
    expect((await claimed([one, other, late, early])).toSorted()).toEqual([one, early].toSorted());
    expect([await heldBy(other), await heldBy(late)]).toEqual(['key:printer', 'organization']);
  });

  test('counts all tasks of the organization, and no others', async () => {
    const eve = await stage.on.member();
    await stage.on.admin`update organizations set max_running = 2 where id = ${stage.ada.organizationId}`;
    const mine = await Promise.all(Array.from({ length: 4 }, () => insertTask(stage.api, stage.ada)));
    const hers = await Promise.all(Array.from({ length: 4 }, () => insertTask(stage.api, eve)));
    const { claimed } = await store.claim(stage.worker, {
      ids: [...mine, ...hers].map(({ id }) => id),
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    const count = (member: Member) =>
      claimed.filter(({ organizationId }) => organizationId === member.organizationId).length;
    expect([count(stage.ada), count(eve)]).toEqual([2, 4]);
    const [done] = claimed.filter(({ organizationId }) => organizationId === stage.ada.organizationId);
    const [settled] = await complete(done?.id ?? '');
    expect(settled?.capped).toBe(true);
    expect(await release('organization')).toHaveLength(1);
  });

  test('that is below the number of running tasks releases no task', async () => {
    await bound(3);
    await claimed(await some(4));
    await bound(1);
    expect(await release('organization')).toEqual([]);
  });

  test('that was removed releases all tasks', async () => {
    await stage.on.admin`update organizations set max_running = 1 where id = ${stage.ada.organizationId}`;
    const ids = (await Promise.all(Array.from({ length: 4 }, () => insertTask(stage.api, stage.ada)))).map(
      ({ id }) => id,
    );
    await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    await stage.on.admin`update organizations set max_running = null where id = ${stage.ada.organizationId}`;
    expect(await dispatched()).toHaveLength(3);
  });
});

describe('a pause', () => {
  test('holds for its own organization only', async () => {
    const eve = await stage.on.member();
    await stage.on.admin`
      insert into pauses (organization_id, scope, name)
      values (${eve.organizationId}, 'kind', 'data.process'), (${eve.organizationId}, 'queue', 'interactive')`;
    const { id } = await insertTask(stage.api, stage.ada);
    expect(
      (await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
    const held = await insertTask(stage.api, stage.ada);
    await stage.on
      .admin`update tasks set held_by = 'kind:data.process', next_dispatch_at = 'infinity' where id = ${held.id}`;
    expect(await release('kind:data.process')).toMatchObject([{ id: held.id }]);
  });

  test('that has ended releases a thousand tasks at a time', async () => {
    const tasks = Array.from({ length: store.MAX_RELEASED + 1 }, () => newTask());
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    await stage.on.admin`
      update tasks set held_by = 'queue:interactive', next_dispatch_at = 'infinity'
      where organization_id = ${stage.ada.organizationId}`;
    expect(await release('queue:interactive')).toHaveLength(store.MAX_RELEASED);
    expect(await release('queue:interactive')).toHaveLength(1);
  });

  test('of a kind holds its due tasks until it ends', async () => {
    const { id } = await insertTask(stage.api, stage.ada);
    const other = await insertTask(stage.api, stage.ada, { kind: 'http.request' });
    await stage.on
      .admin`insert into pauses (organization_id, scope, name) values (${stage.ada.organizationId}, 'kind', 'data.process')`;
    const { claimed, unclaimed } = await store.claim(stage.worker, {
      ids: [id, other.id],
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    expect(claimed.map((task) => task.id)).toEqual([other.id]);
    expect(unclaimed).toEqual([]);
    expect(await heldBy(id)).toBe('kind:data.process');
    expect(await dispatched()).toEqual([]);
    await stage.on.admin`delete from pauses where organization_id = ${stage.ada.organizationId}`;
    expect(await dispatched()).toEqual([id]);
    expect(
      (await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(1);
  });

  test('is obeyed by the dispatcher, which sends no message for paused tasks', async () => {
    const { id } = await insertTask(stage.api, stage.ada, { queue: 'bulk' });
    await stage.on
      .admin`insert into pauses (organization_id, scope, name) values (${stage.ada.organizationId}, 'queue', 'bulk')`;
    await stage.on.admin`update tasks set next_dispatch_at = now() where id = ${id}`;
    expect(await dispatched()).toEqual([]);
    expect(await heldBy(id)).toBe('queue:bulk');
  });

  test('also holds tasks that would have to wait in another lane', async () => {
    const [id = ''] = await keyed(1, 1);
    await stage.on
      .admin`insert into pauses (organization_id, scope, name) values (${stage.ada.organizationId}, 'queue', 'interactive')`;
    // Its place of the key becomes free for another task.
    expect(await store.claim(stage.worker, { ids: [id], leaseSeconds: LEASE, soonSeconds: 0 })).toEqual({
      claimed: [],
      unclaimed: [],
      vacated: [{ organizationId: stage.ada.organizationId, lane: 'key:printer' }],
    });
    expect(await heldBy(id)).toBe('queue:interactive');
  });
});

test('a worker that has freed places releases waiting tasks, and sends their messages', async () => {
  const sent: string[] = [];
  const after = followUps({
    db: stage.worker,
    dispatch: DISPATCH,
    announce: () => {},
    log: () => {},
    enqueue: async (wakeUps) => {
      sent.push(...wakeUps.flatMap(({ ids }) => ids));
      return [];
    },
  });
  await stage.on.admin`update organizations set max_running = 2 where id = ${stage.ada.organizationId}`;
  const printers = await keyed(1, 2);
  const others = await Promise.all([insertTask(stage.api, stage.ada), insertTask(stage.api, stage.ada)]);
  await store.claim(stage.worker, { ids: printers, leaseSeconds: LEASE, soonSeconds: 0 });
  await store.claim(stage.worker, { ids: others.map(({ id }) => id), leaseSeconds: LEASE, soonSeconds: 0 });
  const rows = await stage.on.admin`
    select id, status from tasks where organization_id = ${stage.ada.organizationId} order by status desc, id`;
  const ids = (status: string) => rows.filter((row) => row.status === status).map(({ id }) => String(id));
  expect([ids('SCHEDULED').length, ids('RUNNING').length]).toEqual([2, 2]);
  const outcomes = ids('RUNNING').map((id) => ({ id, attempt: 1, kind: 'complete', result: null }) as const);
  after.afterSettle(await store.settle(stage.worker, outcomes, DISPATCH));
  await after.end();
  expect(sent.toSorted()).toEqual(ids('SCHEDULED').toSorted());
});

describe('a locked row or lane', () => {
  const soon = <T>(work: Promise<T>) => Promise.race([work, sleep(5_000, 'waits' as const)]);

  test('keeps a claim only from that row', async () => {
    const [locked = '', free = ''] = await keyed(2, 2);
    await stage.on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${locked} for update`;
      const claim = await soon(
        store.claim(stage.worker, { ids: [locked, free], leaseSeconds: LEASE, soonSeconds: 0 }),
      );
      expect(claim).toMatchObject({ claimed: [{ id: free }], unclaimed: [{ id: locked }] });
    });
  });

  test('does not keep a release waiting for its row', async () => {
    const ids = await keyed(1, 3);
    const [running] = (await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed;
    await complete(running?.id ?? '');
    const [first] = await stage.on
      .admin`select id from tasks where id = any (${ids}::uuid[]) and held_by is not null order by run_at`;
    await stage.on.admin.begin(async (tx) => {
      await tx`select from tasks where id = ${first?.id} for update`;
      expect(await soon(release('key:printer'))).toEqual([]);
    });
    expect(await release('key:printer')).toMatchObject([{ id: first?.id }]);
  });

  test('delays a release, which else would miss a task that is about to be held', async () => {
    const [id = ''] = await keyed(1, 1);
    let released: ReturnType<typeof release> | undefined;
    await stage.on.admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${stage.ada.organizationId} || 'key:printer', 0))`;
      released = release('key:printer');
      await tx`update tasks set held_by = 'key:printer', next_dispatch_at = 'infinity' where id = ${id}`;
      await sleep(200);
    });
    expect(await released).toMatchObject([{ id }]);
  });
});

test('lanes with held tasks are found, each once', async () => {
  await keyed(1, 4).then((ids) => store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 }));
  await stage.on
    .admin`insert into pauses (organization_id, scope, name) values (${stage.ada.organizationId}, 'kind', 'http.request')`;
  const paused = await Promise.all(
    [1, 2].map(() => insertTask(stage.api, stage.ada, { kind: 'http.request' })),
  );
  await store.claim(stage.worker, { ids: paused.map(({ id }) => id), leaseSeconds: LEASE, soonSeconds: 0 });
  const mine = (await store.heldLanes(stage.dispatcher, 1000)).filter(
    (l) => l.organizationId === stage.ada.organizationId,
  );
  expect(mine.map(({ lane }) => lane)).toEqual(['key:printer', 'kind:http.request']);
  const [printer = null, other = null] = mine;
  expect((await store.heldLanes(stage.dispatcher, 1, printer))[0]).toEqual(other);
  expect(await store.heldLanes(stage.dispatcher, 1000, other)).not.toContainEqual(printer);
});
