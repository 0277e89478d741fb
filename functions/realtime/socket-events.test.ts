import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture, type Member } from '../database/testing/database-fixture.ts';
import { Refusal } from '../refusal.ts';
import * as tasks from '../tasks/store/index.ts';
import { DISPATCH, insertTask } from '../tasks/verification/fixtures.ts';
import { MESSAGE_BURST } from './message-rate.ts';
import { type Greeting, type SocketDeps, type SocketInput, socketEvents } from './socket-events.ts';
import { MAX_CONNECTIONS } from './store.ts';
import { sweepSockets } from './sweep.ts';
import { issueTicket } from './tickets.ts';

let on: DatabaseFixture;
let ada: Member;
let eve: Member;
let api: ReturnType<DatabaseFixture['as']>;
let frames: [string, Record<string, unknown>][];
let greetings: Greeting[];
let gone: Set<string>;
let closed: string[];
let posts = 0;
let send: ReturnType<typeof socketEvents>;
/** `send` in another sandbox. */
let another: typeof send;
let tokenInUrlAllowed = false;

beforeAll(async () => {
  on = await databaseFixture();
  [ada, eve] = [await on.member(), await on.member()];
  api = on.as('api');
});
beforeEach(() => {
  [frames, greetings, gone, closed] = [[], [], new Set(), []];
  [send, another] = [socketEvents(deps()), socketEvents(deps())];
});
const deps = (): SocketDeps => ({
  db: on.as('socket'),
  tokenInUrlAllowed,
  post: async (connectionId, frame) => {
    posts += 1;
    if (gone.has(connectionId)) return 'gone';
    frames.push([connectionId, JSON.parse(frame)]);
    return 'sent';
  },
  close: async (connectionId) => {
    closed.push(connectionId);
  },
  verifyToken: async (token) => {
    if (token === 'ada') return ada;
    throw new Refusal('unauthenticated', 'token_not_valid', 'Token is invalid or expired');
  },
  greetLater: async (greeting) => {
    greetings.push(greeting);
  },
  logFault: (message, { error }) => {
    throw new Error(message, { cause: error });
  },
});
afterAll(() => on.close());

const open = (
  id: string,
  query: Record<string, string>,
  headers: Record<string, string> = {},
): SocketInput => ({
  requestContext: { routeKey: '$connect', connectionId: id },
  queryStringParameters: query,
  headers,
});
const message = (id: string, body: unknown): SocketInput => ({
  requestContext: { routeKey: '$default', connectionId: id },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const ticketOf = async (member: Member) => (await issueTicket({ db: api }, member)).ticket;
const connected = async (member: Member) => {
  const id = randomUUID();
  expect(await send(open(id, { ticket: await ticketOf(member) }))).toEqual({ statusCode: 200 });
  return id;
};
const watchersOf = async (id: string) => {
  const [row] = await on.admin<{ watchers: string[] }[]>`select watchers from tasks where id = ${id}`;
  return row?.watchers;
};

/** Maximum bytes that API Gateway posts. */
const MAX_FRAME_BYTES = 131_072;

describe('an invalid message is answered within the size of a frame', () => {
  const many = Object.fromEntries(Array.from({ length: 8_000 }, (_, n) => [`unknown ${n}`, 1]));
  for (const [what, body] of [
    ['with thousands of unknown fields', { action: 'ping', ...many }],
    ['with a field of a hundred thousand characters', { action: 'ping', ['🥬'.repeat(30_000)]: 1 }],
  ] as const) {
    test(what, async () => {
      const connection = await connected(ada);
      await send(message(connection, body));
      const [[, frame] = []] = frames;
      expect(frame).toMatchObject({ type: 'error', code: 'invalid_request' });
      expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(MAX_FRAME_BYTES);
    });
  }
});

describe('connections of one user', () => {
  test('are bounded, even when two open at once; connections past their life do not count', async () => {
    const user = await on.member();
    await on.admin`
      insert into connections (id, user_id, session_id, expires_at)
      select ${user.userId} || '/' || n, ${user.userId}, ${user.sessionId}, now() + (2 - n % 2 * 4) * interval '1 hour'
      from generate_series(1, ${2 * (MAX_CONNECTIONS - 1)}::integer) n`;
    const tickets = [await ticketOf(user), await ticketOf(user)];
    // The requests go to two sandboxes: within one, a connection waits for the other.
    const answers = await Promise.all([
      send(open(randomUUID(), { ticket: tickets[0] ?? '' })),
      another(open(randomUUID(), { ticket: tickets[1] ?? '' })),
    ]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 429]);
    expect(await send(open(randomUUID(), { ticket: await ticketOf(user) }))).toEqual({ statusCode: 429 });
    await on.admin`
      delete from connections where id = (
        select id from connections where user_id = ${user.userId} and expires_at > now() limit 1
      )`;
    await connected(user);
    await connected(ada);
  });
});

describe('messages of one connection', () => {
  const ping = { action: 'ping' };

  test('are bounded in rate; one more is refused and closes the connection, and later ones are not answered', async () => {
    const [loud, quiet] = [await connected(ada), await connected(ada)];
    for (let n = 0; n < MESSAGE_BURST; n += 1) await send(message(loud, ping));
    expect(frames.map(([, { type }]) => type)).toEqual(Array.from({ length: MESSAGE_BURST }, () => 'pong'));
    expect(closed).toEqual([]);
    for (let n = 0; n < 3; n += 1) expect(await send(message(loud, ping))).toEqual({ statusCode: 200 });
    expect(frames.slice(MESSAGE_BURST)).toMatchObject([[loud, { type: 'error', code: 'too_many_messages' }]]);
    expect(closed).toEqual([loud]);
    await send(message(quiet, ping));
    expect(frames.at(-1)).toEqual([quiet, { type: 'pong' }]);
  });

  test('close the connection even when the refusal cannot be posted', async () => {
    const connection = await connected(ada);
    for (let n = 0; n < MESSAGE_BURST; n += 1) await send(message(connection, ping));
    gone.add(connection);
    await send(message(connection, ping));
    expect(closed).toEqual([connection]);
  });

  test('are not awaited once the connection is gone', async () => {
    const connection = await connected(ada);
    gone.add(connection);
    posts = 0;
    await send(message(connection, ping));
    expect(posts).toBe(1);
  });
});

describe('connecting', () => {
  test('a ticket lets its holder in once', async () => {
    const ticket = await ticketOf(ada);
    expect(await send(open('c-once', { ticket }))).toEqual({ statusCode: 200 });
    expect(await send(open('c-twice', { ticket }))).toEqual({ statusCode: 401 });
  });

  test('an expired ticket is refused', async () => {
    const ticket = await ticketOf(ada);
    await on.admin`update ws_tickets set expires_at = now() - interval '1 second'`;
    expect(await send(open('c-late', { ticket }))).toEqual({ statusCode: 401 });
  });

  test('a token may come as a subprotocol, and is not echoed', async () => {
    const answer = await send(open('c-sub', {}, { 'Sec-WebSocket-Protocol': 'celeriac, ada' }));
    expect(answer).toEqual({ statusCode: 200, headers: { 'Sec-WebSocket-Protocol': 'celeriac' } });
    expect(await send(open('c-forged', {}, { 'Sec-WebSocket-Protocol': 'celeriac, forged' }))).toEqual({
      statusCode: 401,
    });
  });

  test('without a login the connection is refused', async () => {
    expect(await send(open('c-none', {}))).toEqual({ statusCode: 401 });
  });

  test('a token in the URL is refused where the deployment does not allow it', async () => {
    expect(await send(open('c-url', { token: 'ada' }))).toEqual({ statusCode: 401 });
    tokenInUrlAllowed = true;
  });

  test('a token in the URL is accepted where the deployment allows it', async () => {
    expect(await send(open('c-url', { token: 'ada' }))).toEqual({ statusCode: 200 });
    tokenInUrlAllowed = false;
  });

  test('a ticket of a session that has ended is refused', async () => {
    const user = await on.member();
    const ticket = await ticketOf(user);
    await on.admin`update sessions set revoked_at = now() where id = ${user.sessionId}`;
    expect(await send(open('c-ended', { ticket }))).toEqual({ statusCode: 401 });
  });

  test('the address of one task gets that task as first frame; foreign, unknown and malformed ids get the same refusal', async () => {
    const { id } = await insertTask(api, ada);
    expect(await send(open('c-task', { ticket: await ticketOf(ada), task: id }))).toEqual({
      statusCode: 200,
    });
    expect(greetings).toEqual([{ greet: { connectionId: 'c-task', taskId: id } }]);
    const answers = await Promise.all(
      [id, randomUUID(), 'x'].map(async (task) =>
        send(open(randomUUID(), { ticket: await ticketOf(eve), task })),
      ),
    );
    expect(answers).toEqual([{ statusCode: 404 }, { statusCode: 404 }, { statusCode: 404 }]);
  });

  test('the address of one batch gets that batch; other ids get the same refusal', async () => {
    const id = randomUUID();
    await on.admin`insert into batches (id, organization_id, queue, sealed) values (${id}, ${ada.organizationId}, 'bulk', false)`;
    const batch = async (user: typeof ada, named: string) =>
      send(open(randomUUID(), { ticket: await ticketOf(user), batch: named }));
    expect(await batch(ada, id)).toEqual({ statusCode: 200 });
    expect(greetings).toEqual([{ greet: { connectionId: expect.any(String), batchId: id } }]);
    for (const named of [id, randomUUID(), 'x']) expect(await batch(eve, named)).toEqual({ statusCode: 404 });
    const [greeting] = greetings;
    if (!greeting) throw new Error('nobody was greeted');
    await send(greeting);
    expect(frames).toMatchObject([[expect.any(String), { type: 'batch', id, status: 'importing' }]]);
  });
});

describe('watching', () => {
  test('a subscriber gets the current task, and is then returned as a watcher by each change', async () => {
    const { id } = await insertTask(api, ada);
    const connection = await connected(ada);
    await send(message(connection, { action: 'subscribe', task: id }));
    expect(frames).toEqual([
      [connection, expect.objectContaining({ status: 'SCHEDULED', result: null, id, seq: 1 })],
    ]);
    const { claimed } = await tasks.claim(on.as('worker'), { ids: [id], leaseSeconds: 30, soonSeconds: 0 });
    expect(claimed[0]?.watchers).toEqual([connection]);
  });

  test('a change that commits between snapshot and subscription is not missed', async () => {
    const { id } = await insertTask(api, ada);
    const connection = await connected(ada);
    const worker = on.as('worker');
    const racing = socketEvents({
      db: on.as('socket'),
      tokenInUrlAllowed: false,
      verifyToken: () => Promise.reject(new Error('unused')),
      greetLater: async () => {},
      logFault: () => {},
      close: async () => {},
      post: async (to, frame) => {
        frames.push([to, JSON.parse(frame)]);
        // Right after the snapshot was sent, before the watcher is registered.
        if (frames.length === 1) await tasks.claim(worker, { ids: [id], leaseSeconds: 30, soonSeconds: 0 });
        return 'sent';
      },
    });
    await racing({ greet: { connectionId: connection, taskId: id } });
    expect(frames.map(([, frame]) => [frame.status, frame.seq])).toEqual([
      ['SCHEDULED', 1],
      ['RUNNING', 2],
    ]);
  });

  test('a subscription that waits for a change gets the change, in the snapshot or as a frame', async () => {
    const { id } = await insertTask(api, ada);
    const connection = await connected(ada);
    const worker = on.as('worker');
    await tasks.claim(worker, { ids: [id], leaseSeconds: 30, soonSeconds: 0 });
    // The settling transaction holds the row. The subscriber arrives before the commit.
    let subscribed: Promise<unknown> = Promise.resolve();
    await worker.begin(async (tx) => {
      const outcome = { id, attempt: 1, kind: 'complete', result: 'late' } as const;
      await tasks.settle(tx as never, [outcome], DISPATCH);
      subscribed = send(message(connection, { action: 'subscribe', task: id }));
      await expect.poll(() => frames.length).toBe(1);
    });
    await subscribed;
    expect(frames.map(([, frame]) => frame.status)).toEqual(['RUNNING', 'COMPLETED']);
  });

  test('foreign and unknown tasks answer alike', async () => {
    const { id } = await insertTask(api, ada);
    const connection = await connected(eve);
    for (const task of [id, randomUUID()]) await send(message(connection, { action: 'subscribe', task }));
    expect(frames.map(([, frame]) => frame)).toEqual(
      Array.from({ length: 2 }, () => ({
        type: 'error',
        code: 'task_not_found',
        error: 'There is no such task',
        errors: [],
      })),
    );
    expect(await watchersOf(id)).toEqual([]);
  });

  test('an invalid message is answered, and the connection stays open', async () => {
    const connection = await connected(ada);
    for (const body of [
      '{',
      '[]',
      '"x"',
      { action: 'subscribe', task: '1' },
      { action: 'nope' },
      { action: 'ping', more: 1 },
    ]) {
      expect(await send(message(connection, body))).toEqual({ statusCode: 200 });
    }
    expect(frames.map(([, frame]) => frame.type)).toEqual(Array.from({ length: 6 }, () => 'error'));
    await send(message(connection, { action: 'ping' }));
    expect(frames.at(-1)?.[1]).toEqual({ type: 'pong' });
  });

  test('unsubscribing and disconnecting end the stream', async () => {
    const { id } = await insertTask(api, ada);
    const [one, other] = [await connected(ada), await connected(ada)];
    for (const connection of [one, other]) await send(message(connection, { action: 'subscribe', task: id }));
    await send(message(one, { action: 'unsubscribe', task: id }));
    expect(await watchersOf(id)).toEqual([other]);
    await send({ requestContext: { routeKey: '$disconnect', connectionId: other } });
    expect(await watchersOf(id)).toEqual([]);
  });

  test('a connection that has gone before its greeting is forgotten', async () => {
    const { id } = await insertTask(api, ada);
    const connection = await connected(ada);
    gone.add(connection);
    await send({ greet: { connectionId: connection, taskId: id } });
    expect(await on.admin`select * from connections where id = ${connection}`).toEqual([]);
  });
});

test('the sweep closes the sockets of ended sessions, which get no more frames', async () => {
  const user = await on.member();
  const { id } = await insertTask(api, user);
  const connection = await connected(user);
  await send(message(connection, { action: 'subscribe', task: id }));
  await on.admin`update sessions set revoked_at = now() where id = ${user.sessionId}`;
  const closed: string[] = [];
  await sweepSockets({ db: on.as('dispatcher'), close: async (c) => void closed.push(c) }, () => true);
  expect(closed).toContain(connection);
  expect(await watchersOf(id)).toEqual([]);
});
