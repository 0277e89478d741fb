import { afterAll, expect, test } from 'vitest';
import { asMember } from '../../../database/enter.ts';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { insertTask } from '../../verification/fixtures.ts';
import * as store from '../index.ts';

const on: DatabaseFixture = await databaseFixture();
const [api, worker] = [on.as('api'), on.as('worker')];
const ada = await on.member();
afterAll(() => on.close());

const around = (id: string) => asMember(api, ada, (tx) => store.waitingContext(tx, id));

test('the waiting context of a task is that of its own organization', async () => {
  const eve = await on.member();
  await on.join(ada, eve.organizationId, 'member');
  await on.admin`update organizations set max_running = 5 where id = ${ada.organizationId}`;
  const key = { concurrencyKey: 'oven', concurrencyLimit: 1 };
  const hers = await insertTask(api, eve, key);
  const mine = [await insertTask(api, ada, key), await insertTask(api, ada, key)];
  const { claimed } = await store.claim(worker, {
    ids: [hers, ...mine].map(({ id }) => id),
    leaseSeconds: 30,
    soonSeconds: 0,
  });
  expect(claimed).toHaveLength(2);
  await on.admin`insert into pauses (organization_id, scope, name) values (${eve.organizationId}, 'kind', 'data.process')`;
  const held = mine.find(({ id }) => !claimed.some((task) => task.id === id));
  expect(await around(held?.id ?? '')).toEqual({
    now: expect.any(Date),
    waitsFor: [],
    heldBy: 'key:oven',
    pause: null,
    runningWithKey: 1,
    runningInOrganization: 0,
    maxRunning: 5,
    requests: null,
    dispatches: 0,
    // No message is sent while the task is held.
    nextDispatchAt: null,
  });
  await on.admin`update tasks set held_by = 'organization' where id = ${held?.id ?? ''}`;
  expect(await around(held?.id ?? '')).toMatchObject({ runningWithKey: 0, runningInOrganization: 1 });
  await on.admin`
    update tasks set held_by = ${store.networkLane(ada.userId)}, waits_for_network = true where id = ${held?.id ?? ''}`;
  await on.admin`update tasks set waits_for_network = true where id = any (${claimed.map(({ id }) => id)}::uuid[])`;
  expect((await around(held?.id ?? ''))?.requests).toEqual({
    ofOrganization: 1,
    ofUser: 1,
    mostOfOrganization: 40,
    mostOfUser: 80,
  });
  const pause = { scope: 'kind', name: 'data.process' } as const;
  await on.admin`
    insert into pauses (organization_id, scope, name, paused_by)
    values (${ada.organizationId}, ${pause.scope}, ${pause.name}, ${ada.userId})`;
  expect((await around(held?.id ?? ''))?.pause).toEqual({
    ...pause,
    by: expect.stringContaining('@example.com'),
    since: expect.any(Date),
  });
});

test('the dependencies of a task are listed in the order of ids, with their statuses', async () => {
  const awaited = [await insertTask(api, ada), await insertTask(api, ada), await insertTask(api, ada)];
  const [a, b, c] = awaited.map(({ id }) => id).toSorted();
  const dependsOn = [c ?? '', a ?? '', b ?? ''];
  const waiting = await insertTask(api, ada, { dependsOn });
  await asMember(api, ada, async (tx) => {
    await store.insertDependencies(tx, waiting.organizationId, [{ id: waiting.id, dependsOn }]);
    await store.cancel(tx, b ?? '');
  });
  expect((await around(waiting.id))?.waitsFor).toEqual([
    { id: a, status: 'SCHEDULED' },
    { id: b, status: 'CANCELLED' },
    { id: c, status: 'SCHEDULED' },
  ]);
  expect((await around(a ?? ''))?.waitsFor).toEqual([]);
});
