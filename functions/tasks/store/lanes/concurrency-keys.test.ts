import { describe, expect, test } from 'vitest';
import { DISPATCH, insertTask, newTask } from '../../verification/fixtures.ts';
import * as store from '../index.ts';
import { LEASE } from '../testing/store-stage.ts';
import { claimInLanes } from './lanes.ts';
import { lanesStage } from './testing/lanes-stage.ts';

const stage = lanesStage();
const { keyed, complete, release, heldBy, dispatched } = stage;

describe('a concurrency key', () => {
  test('lets as many run at once as its limit says, and holds the rest', async () => {
    const ids = await keyed(2, 5);
    const { claimed, unclaimed } = await store.claim(stage.worker, {
      ids,
      leaseSeconds: LEASE,
      soonSeconds: 0,
    });
    expect(claimed).toHaveLength(2);
    expect(unclaimed).toEqual([]);
    const held = ids.filter((id) => !claimed.some((task) => task.id === id));
    for (const id of held) expect(await heldBy(id)).toBe('key:printer');
  });

  test('lets no more run when many workers claim at once', async () => {
    const ids = await keyed(3, 24);
    const workers = Array.from({ length: 6 }, () => stage.on.as('worker'));
    const claims = await Promise.all(
      workers.map((db, n) =>
        store.claim(db, { ids: ids.slice(n * 4, n * 4 + 4), leaseSeconds: LEASE, soonSeconds: 0 }),
      ),
    );
    expect(claims.flatMap(({ claimed }) => claimed)).toHaveLength(3);
  });

  test('does not start a task that was rescheduled just before its turn', async () => {
    const [id = ''] = await keyed(1, 1);
    await stage.on.admin`update tasks set run_at = now() + interval '1 hour' where id = ${id}`;
    // As after a claim for which the task was still due.
    const { claimed, settled } = await claimInLanes(stage.worker, {
      ids: [id],
      leaseSeconds: LEASE,
      alone: false,
    });
    expect([claimed, settled.size]).toEqual([[], 0]);
  });

  test('does not start a task that was paused or crashed just before its turn', async () => {
    const [paused = '', suspect = ''] = [
      (await insertTask(stage.api, stage.ada, { concurrencyKey: 'a', concurrencyLimit: 1, queue: 'bulk' }))
        .id,
      (await insertTask(stage.api, stage.ada, { concurrencyKey: 'b', concurrencyLimit: 1 })).id,
    ];
    await stage.on
      .admin`insert into pauses (organization_id, scope, name) values (${stage.ada.organizationId}, 'queue', 'bulk')`;
    await stage.on.admin`update tasks set crashes = 1 where id = ${suspect}`;
    const { claimed, settled } = await claimInLanes(stage.worker, {
      ids: [paused, suspect],
      leaseSeconds: LEASE,
      alone: false,
    });
    expect([claimed, [...settled]]).toEqual([[], [paused]]);
    expect(await heldBy(paused)).toBe('queue:bulk');
  });

  test('starts first the tasks that have waited longest', async () => {
    const ids = await keyed(1, 2);
    const [first = '', second = ''] = ids.toSorted();
    await stage.on.admin`update tasks set run_at = now() - interval '1 minute' where id = ${second}`;
    expect(
      (await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toMatchObject([{ id: second }]);
    expect(await heldBy(first)).toBe('key:printer');
  });

  test('that is full leaves a task as it was; a task that starts clears the attempt before', async () => {
    const ids = await keyed(1, 2);
    const progress = { fraction: 0.5, note: null, at: new Date().toISOString() };
    await stage.on.admin`
      update tasks set attempt = 1, started_at = now() - interval '1 minute', dispatches = 3, progress = ${JSON.stringify(progress)}::jsonb
      where id = any (${ids}::uuid[])`;
    const rows = async () => {
      const all = await stage.on.admin`
        select t.*, next_dispatch_at::text from tasks t where id = any (${ids}::uuid[]) order by id`;
      return new Map(all.map((row) => [String(row.id), row]));
    };
    const before = await rows();
    const { claimed } = await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    expect(claimed).toMatchObject([{ attempt: 2, progress: null }]);
    const held = ids.find((id) => id !== claimed[0]?.id) ?? '';
    expect((await rows()).get(held)).toEqual({
      ...before.get(held),
      held_by: 'key:printer',
      next_dispatch_at: 'infinity',
    });
  });

  test('is separate in another organization', async () => {
    const eve = await stage.on.member();
    const ids = [...(await keyed(1, 1)), ...(await keyed(1, 1, eve))];
    expect(
      (await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed,
    ).toHaveLength(2);
  });

  test('releases the next when a place becomes free, and the one that has waited longest first', async () => {
    const ids = await keyed(1, 3);
    const { claimed } = await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    const [running] = claimed;
    if (!running) throw new Error('nothing runs');
    expect(await release('key:printer')).toEqual([]);
    await complete(running.id);
    const released = await release('key:printer');
    const waiting = await stage.on
      .admin`select id from tasks where id = any (${ids}::uuid[]) and id <> ${running.id} order by run_at`;
    expect(released.map(({ id }) => id)).toEqual([waiting[0]?.id]);
    expect(
      (await store.claim(stage.worker, { ids: [waiting[0]?.id], leaseSeconds: LEASE, soonSeconds: 0 }))
        .claimed,
    ).toHaveLength(1);
  });

  test('loses no task when the worker that freed the place died: the next tick releases it', async () => {
    const ids = await keyed(1, 2);
    const [running] = (await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 })).claimed;
    expect(await dispatched()).toEqual([]);
    await complete(running?.id ?? '');
    expect(await dispatched()).toEqual(ids.filter((id) => id !== running?.id));
  });

  test('holds tasks that can still be cancelled and rescheduled', async () => {
    const ids = await keyed(1, 3);
    await store.claim(stage.worker, { ids, leaseSeconds: LEASE, soonSeconds: 0 });
    const [one, other] = (
      await stage.on.admin`select id from tasks where id = any (${ids}::uuid[]) and held_by is not null`
    ).map((row) => row.id);
    await stage.on.admin.begin((tx) => store.cancel(tx, one));
    await stage.on.admin.begin((tx) =>
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
      const { claimed } = await store.claim(stage.worker, { ids: left, leaseSeconds: LEASE, soonSeconds: 0 });
      expect(claimed).toHaveLength(1);
      for (const { id } of claimed) {
        order.push(id);
        await complete(id);
      }
      await release('key:printer');
    }
    return order;
  }

  test('is that of their creation when their times are past', async () => {
    const tasks = ['2024-03-01', '2024-01-01', '2024-02-01'].map((day) =>
      newTask({ concurrencyKey: 'printer', concurrencyLimit: 1, scheduledTime: `${day}T00:00:00Z` }),
    );
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    const ids = tasks.map(({ id }) => id);
    expect(await started(ids)).toEqual(ids.toSorted());
  });

  test('is kept for a task with a smaller limit: later tasks do not overtake it', async () => {
    const limits = [3, 3, 1, 3];
    const tasks = limits.map((concurrencyLimit) => newTask({ concurrencyKey: 'printer', concurrencyLimit }));
    await store.insert(stage.api, { principal: stage.ada, organizationId: null, tasks, dispatch: DISPATCH });
    const [one = '', other = '', narrow = '', last = ''] = tasks.map(({ id }) => id);
    await stage.on
      .admin`update tasks set run_at = now() - interval '1 minute' where id = any (${[one, other]}::uuid[])`;
    await store.claim(stage.worker, { ids: [one, other], leaseSeconds: LEASE, soonSeconds: 0 });
    await store.claim(stage.worker, { ids: [narrow, last], leaseSeconds: LEASE, soonSeconds: 0 });
    expect([await heldBy(narrow), await heldBy(last)]).toEqual(['key:printer', 'key:printer']);
    await complete(one);
    expect(await release('key:printer')).toEqual([]);
    await complete(other);
    expect((await release('key:printer')).map(({ id }) => id).toSorted()).toEqual([narrow, last]);
  });
});
