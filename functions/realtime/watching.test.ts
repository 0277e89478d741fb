import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database, Transaction } from '../database/connect.ts';
import { type DatabaseFixture, databaseFixture, type Member } from '../database/testing/database-fixture.ts';
import { logout } from '../identity/sessions/logout.ts';
import { removeMember } from '../organizations/operations/members.ts';
import * as tasks from '../tasks/store/index.ts';
import { DISPATCH, insertTask, newTask } from '../tasks/verification/fixtures.ts';
import { receiveMessage } from './messages.ts';
import * as store from './store.ts';
import { subscribe } from './subscribe.ts';
import { openConnection, somebodyWaits } from './testing/connections.ts';

let on: DatabaseFixture;
let api: Database;
let auth: Database;
let socket: Database;
let worker: Database;
let ada: Member;
/** A member of Ada's organization. */
let bob: Member;
/** Bob's WebSocket, and a task of Ada's organization. */
let connection: string;
let id: string;

beforeAll(async () => {
  on = await databaseFixture();
  [api, auth, socket, worker] = [on.as('api'), on.as('auth'), on.as('socket'), on.as('worker')];
  ada = await on.member();
});
beforeEach(async () => {
  bob = await on.member();
  await on.join(bob, ada.organizationId, 'member');
  connection = await connectionOf(bob);
  ({ id } = await insertTask(api, ada));
});
afterAll(() => on.close());

const connectionOf = (member: Member) => openConnection(socket, member);
const remove = () =>
  removeMember({ db: api, membershipEnded: () => {} }, ada, {
    organizationId: ada.organizationId,
    userId: bob.userId,
  });
const logOut = () => logout({ db: auth }, bob);

/** Returns the watchers of a task in both places where they are stored. */
async function watchersOf(taskId: string) {
  const [row] = await on.admin<{ watchers: string[]; subscribed: string[] }[]>`
    select t.watchers, array(select s.connection_id from subscriptions s where s.task_id = t.id) as subscribed
    from tasks t where t.id = ${taskId}`;
  return row;
}
const NOBODY = { watchers: [], subscribed: [] };

const ENDS: [
  what: string,
  end: () => Promise<void>,
  refusal: string,
  meanwhile: (tx: Transaction) => unknown,
][] = [
  [
    'a removal',
    remove,
    'task_not_found',
    (tx) =>
      tx`delete from memberships where user_id = ${bob.userId} and organization_id = ${ada.organizationId}`,
  ],
  [
    'a logout',
    logOut,
    'session_ended',
    (tx) => tx`update sessions set revoked_at = now() where id = ${bob.sessionId}`,
  ],
];
for (const [what, end, refusal, meanwhile] of ENDS) {
  describe(`${what} ends the watching`, () => {
    test('also between the snapshot and the subscription', async () => {
      const post = async () => {
        await end();
        return 'sent' as const;
      };
      await expect(subscribe({ db: socket, post }, connection, { task: id })).rejects.toMatchObject({
        code: refusal,
      });
      expect(await watchersOf(id)).toEqual(NOBODY);
    });

    test('also when it is not committed before the subscription is written', async () => {
      let watching: ReturnType<typeof store.watch> | undefined;
      await on.admin.begin(async (tx) => {
        await meanwhile(tx);
        watching = store.watch(socket, connection, id);
        await somebodyWaits(tx);
      });
      expect(await watching).toEqual({ refusal, seq: null });
      expect(await watchersOf(id)).toEqual(NOBODY);
    });

    test('also when the subscription is not committed yet', async () => {
      let ended: Promise<void> | undefined;
      await socket.begin(async (tx) => {
        await store.watch(tx as never, connection, id);
        ended = end();
        await somebodyWaits(on.admin);
      });
      await ended;
      expect(await watchersOf(id)).toEqual(NOBODY);
    });
  });
}

test('silencing many tasks locks them in the order of their ids', async () => {
  const ids = [id];
  for (let more = 0; more < 20; more += 1) ids.push((await insertTask(api, ada)).id);
  for (const taskId of ids.toReversed()) await store.watch(socket, connection, taskId);
  let ended: Promise<void> | undefined;
  await on.admin.begin(async (tx) => {
    await tx`select from tasks where id = ${id} for update`;
    ended = logOut();
    await somebodyWaits(tx);
    // The statement waits for the first task, so it must not hold the others.
    await tx`select from tasks where id = any (${ids}::uuid[]) for update nowait`;
  });
  await ended;
  expect(await watchersOf(id)).toEqual(NOBODY);
});

test('a connection that is deleted while it subscribes causes no deadlock, and watches nothing', async () => {
  const { id: other } = await insertTask(api, ada);
  await store.watch(socket, connection, other);
  let forgotten: Promise<void> | undefined;
  await socket.begin(async (tx) => {
    await store.watch(tx as never, connection, id);
    forgotten = store.forget(on.as('socket'), [connection]);
    await somebodyWaits(on.admin);
    // The statement waits for the connection, so it must not hold a task that the subscription might need.
    await on.admin`select from tasks where id = ${other} for update nowait`;
  });
  await forgotten;
  for (const task of [id, other]) expect(await watchersOf(task)).toEqual(NOBODY);
});

describe('limits', () => {
  /** Sends `subscribe`, and returns the last frame of the answer. */
  const answerTo = async (taskId: string) => {
    const frames: Record<string, unknown>[] = [];
    const post = async (_connection: string, frame: string) => {
      frames.push(JSON.parse(frame));
      return 'sent' as const;
    };
    await receiveMessage(
      { db: socket, post },
      connection,
      JSON.stringify({ action: 'subscribe', task: taskId }),
    );
    return frames.at(-1);
  };

  test('a connection watches a hundred tasks, each counted once', async () => {
    const given = Array.from({ length: store.MAX_SUBSCRIPTIONS + 1 }, () => newTask());
    const made = await tasks.insert(api, {
      principal: ada,
      organizationId: null,
      tasks: given,
      dispatch: DISPATCH,
    });
    const [oneMore, ...first] = made.map((task) => task.id);
    for (const taskId of first) await store.watch(socket, connection, taskId);
    expect(await answerTo(oneMore ?? '')).toMatchObject({ type: 'error', code: 'too_many_subscriptions' });
    expect(await answerTo(first[0] ?? '')).toMatchObject({ id: first[0], status: 'SCHEDULED' });
    expect((await watchersOf(first[0] ?? ''))?.watchers).toEqual([connection]);
  });

  test('a task has a thousand watchers; one more is refused', async () => {
    await on.admin`update tasks set watchers = array(select 'c' || n from generate_series(1, 999) n) where id = ${id}`;
    expect(await answerTo(id)).toMatchObject({ id, status: 'SCHEDULED' });
    connection = await connectionOf(bob);
    expect(await answerTo(id)).toMatchObject({ type: 'error', code: 'too_many_watchers' });
    expect((await watchersOf(id))?.watchers).toHaveLength(1000);
  });
});

describe('a task that changes while a subscriber catches up', () => {
  /** Subscribes and makes a change after each frame that is sent. Returns the frames. */
  const framesWith = async (changes: () => Promise<unknown>) => {
    const frames: { status: string; seq: number }[] = [];
    const post = async (_connection: string, frame: string) => {
      frames.push(JSON.parse(frame));
      await changes();
      return 'sent' as const;
    };
    await subscribe({ db: socket, post }, connection, { task: id });
    return frames;
  };

  test('is sent again, so that the last frame is the newest', async () => {
    const changes = [
      () => tasks.claim(worker, { ids: [id], leaseSeconds: 30, soonSeconds: 0 }),
      // The worker's own frame may arrive before this function's frame of the earlier state.
      () => tasks.settle(worker, [{ id, attempt: 1, kind: 'complete', result: 1 }], DISPATCH),
    ];
    const frames = await framesWith(async () => changes.shift()?.());
    expect(frames.map((frame) => [frame.status, frame.seq])).toEqual([
      ['SCHEDULED', 1],
      ['RUNNING', 2],
      ['COMPLETED', 3],
    ]);
  });

  test('is sent again a bounded number of times', async () => {
    const frames = await framesWith(() => on.admin`update tasks set seq = seq + 1 where id = ${id}`);
    expect(frames.map((frame) => frame.seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
