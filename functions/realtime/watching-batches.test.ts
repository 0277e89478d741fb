import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../database/connect.ts';
import { type DatabaseFixture, databaseFixture, type Member } from '../database/testing/database-fixture.ts';
import { logout } from '../identity/sessions/logout.ts';
import { removeMember } from '../organizations/operations/members.ts';
import * as tasks from '../tasks/store/index.ts';
import { DISPATCH, newTask } from '../tasks/verification/fixtures.ts';
import { announcer } from './frames.ts';
import { receiveMessage } from './messages.ts';
import * as store from './store.ts';
import { subscribe } from './subscribe.ts';
import { openConnection } from './testing/connections.ts';

let on: DatabaseFixture;
let api: Database;
let socket: Database;
let worker: Database;
let ada: Member;
/** A member of Ada's organization. */
let bob: Member;
/** Bob's WebSocket, and the frames that were sent to it. */
let connection: string;
let frames: Record<string, unknown>[];
/** A batch of Ada's organization, and its tasks. */
let id: string;
let ids: string[];

beforeAll(async () => {
  on = await databaseFixture();
  [api, socket, worker] = [on.as('api'), on.as('socket'), on.as('worker')];
  ada = await on.member();
});
beforeEach(async () => {
  bob = await on.member();
  await on.join(bob, ada.organizationId, 'member');
  connection = await connectionOf(bob);
  frames = [];
  ({ id, ids } = await batchOf(3));
});
afterAll(() => on.close());

const connectionOf = (member: Member) => openConnection(socket, member);

async function batchOf(count: number) {
  const batch = { id: uuidv7(), name: 'Letters', queue: 'bulk' } as const;
  const made = Array.from({ length: count }, () => newTask({ queue: 'bulk' }));
  await tasks.insertBatch(api, {
    principal: ada,
    organizationId: null,
    batch,
    tasks: made,
    dispatch: DISPATCH,
  });
  return { id: batch.id, ids: made.map((task) => task.id) };
}

const post = async (_connection: string, frame: string) => {
  frames.push(JSON.parse(frame));
  return 'sent' as const;
};
const deps = () => ({ db: socket, post });
const say = (message: object) => receiveMessage(deps(), connection, JSON.stringify(message));

/** Returns the watchers of a batch in both places where they are stored. */
async function watchersOf(batchId: string) {
  const [row] = await on.admin`
    select b.watchers, array(select s.connection_id from batch_subscriptions s where s.batch_id = b.id) as subscribed
    from batches b where b.id = ${batchId}`;
  return row;
}
const NOBODY = { watchers: [], subscribed: [] };

async function complete(task = ''): Promise<void> {
  await tasks.claim(worker, { ids: [task], leaseSeconds: 30, soonSeconds: 0 });
  const settled = await tasks.settle(
    worker,
    [{ id: task, attempt: 1, kind: 'complete', result: null }],
    DISPATCH,
  );
  const { announce, flush } = announcer(post, () => {});
  announce(settled);
  await flush();
}

test('a subscriber gets the current batch, and then its counts with every change', async () => {
  await say({ action: 'subscribe', batch: id });
  await complete(ids[0]);
  await complete(ids[1]);
  expect(frames).toMatchObject([
    { type: 'batch', id, status: 'running', total: 3, completed: 0, progress: 0, seq: 1 },
    { type: 'batch', id, completed: 1, seq: 2 },
    { type: 'batch', id, completed: 2, seq: 3 },
  ]);
});

test('a change while the snapshot is sent follows at once', async () => {
  let posts = 0;
  const racing = async (name: string, frame: string) => {
    posts += 1;
    if (posts === 1) await on.admin`update batches set seq = seq + 1, completed = 1 where id = ${id}`;
    return post(name, frame);
  };
  await subscribe({ db: socket, post: racing }, connection, { batch: id });
  expect(frames).toMatchObject([
    { completed: 0, seq: 1 },
    { completed: 1, seq: 2 },
  ]);
});

test('a connection that unsubscribes or closes gets no more frames', async () => {
  await say({ action: 'subscribe', batch: id });
  await say({ action: 'subscribe', batch: id });
  expect(await watchersOf(id)).toEqual({ watchers: [connection], subscribed: [connection] });
  await say({ action: 'unsubscribe', batch: id });
  expect(await watchersOf(id)).toEqual(NOBODY);
  await say({ action: 'subscribe', batch: id });
  await store.forget(socket, [connection]);
  expect(await watchersOf(id)).toEqual(NOBODY);
});

describe('watching ends', () => {
  const others = async () => {
    const other = await connectionOf(ada);
    for (const name of [connection, other]) await store.watchBatch(socket, name, id);
    return { watchers: [other], subscribed: [other] };
  };

  test('for a removed member', async () => {
    const left = await others();
    await removeMember({ db: api, membershipEnded: () => {} }, ada, {
      organizationId: ada.organizationId,
      userId: bob.userId,
    });
    expect(await watchersOf(id)).toEqual(left);
    await say({ action: 'subscribe', batch: id });
    expect(frames.at(-1)).toMatchObject({ type: 'error', code: 'batch_not_found' });
  });

  test('for a user who logs out', async () => {
    const left = await others();
    await logout({ db: on.as('auth') }, bob);
    expect(await watchersOf(id)).toEqual(left);
    expect(await store.watchBatch(socket, connection, id)).toMatchObject({ refusal: 'session_ended' });
  });

  test('for one organization only when a membership ends', async () => {
    const own = uuidv7();
    await on.admin`insert into batches (id, organization_id, queue, sealed) values (${own}, ${bob.organizationId}, 'bulk', false)`;
    await store.watchBatch(socket, connection, own);
    await removeMember({ db: api, membershipEnded: () => {} }, ada, {
      organizationId: ada.organizationId,
      userId: bob.userId,
    });
    expect(await watchersOf(own)).toEqual({ watchers: [connection], subscribed: [connection] });
  });
});

test('foreign and unknown batches answer alike, before anything is sent of them', async () => {
  connection = await connectionOf(await on.member());
  for (const batch of [id, randomUUID()]) await say({ action: 'subscribe', batch });
  const refused = { type: 'error', code: 'batch_not_found', error: 'There is no such batch', errors: [] };
  expect(frames).toEqual([refused, refused]);
  expect((await store.watchBatch(socket, connection, id)).refusal).toBe('batch_not_found');
});

test('a subscription names either a task or a batch', async () => {
  await say({ action: 'subscribe' });
  await say({ action: 'subscribe', batch: id, task: ids[0] });
  expect(frames).toMatchObject([
    { code: 'invalid_request', errors: [{ pointer: '/task' }] },
    { code: 'invalid_request', errors: [{ pointer: '/batch' }] },
  ]);
});

test('a connection watches 100 batches, and no more; a batch has 1,000 watchers, and no more', async () => {
  const insert = (batchId: string) =>
    on.admin`insert into batches (id, organization_id, queue, sealed) values (${batchId}, ${ada.organizationId}, 'bulk', false)`;
  const made = Array.from({ length: store.MAX_SUBSCRIPTIONS }, () => uuidv7());
  for (const batchId of made) {
    await insert(batchId);
    expect((await store.watchBatch(socket, connection, batchId)).refusal).toBeNull();
  }
  expect((await store.watchBatch(socket, connection, id)).refusal).toBe('too_many_subscriptions');
  expect((await store.watchBatch(socket, connection, made[0] ?? '')).refusal).toBeNull();

  const other = await connectionOf(ada);
  const crowd = (count: number) =>
    on.admin`update batches set watchers = array(select n::text from generate_series(1, ${count}::int) n) where id = ${id}`;
  await crowd(1_000);
  expect((await store.watchBatch(socket, other, id)).refusal).toBe('too_many_watchers');
  await crowd(999);
  expect((await store.watchBatch(socket, other, id)).refusal).toBeNull();
});
