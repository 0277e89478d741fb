import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database, Transaction } from '../database/connect.ts';
import { asMember } from '../database/enter.ts';
import { type Member, type Stand, stand } from '../database/testing.ts';

/*
 * What row-level security alone keeps apart: every statement here has lost its `where`.
 */

let on: Stand;
let api: Database;
let auth: Database;
let ada: Member;
let eve: Member;

beforeAll(async () => {
  on = await stand();
  api = on.as('api');
  auth = on.as('auth');
  [ada, eve] = [await on.member(), await on.member()];
  for (const { organizationId } of [ada, eve]) {
    await on.admin`insert into watchlists (organization_id, asset) values (${organizationId}, 'bitcoin')`;
    await on.admin`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt_limit)
      values (${uuidv7()}, ${organizationId}, 'data.process', 'Task', 'interactive', 'SCHEDULED', now(), now(), now(), 0, 1)`;
  }
});
afterAll(() => on.close());

/** As Eve, in a transaction that leaves nothing behind. */
async function asEve<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
  const undo = new Error('undo');
  let result: { value: T } | undefined;
  await asMember(api, eve, async (tx) => {
    result = { value: await work(tx) };
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  if (!result) throw new Error('nothing was done');
  return result.value;
}

const OWNED: [table: string, owner: string, whose: keyof Member][] = [
  ['organizations', 'id', 'organizationId'],
  ['memberships', 'organization_id', 'organizationId'],
  ['watchlists', 'organization_id', 'organizationId'],
  ['tasks', 'organization_id', 'organizationId'],
  ['users', 'id', 'userId'],
];
for (const [table, owner, whose] of OWNED) {
  test(`${table}: everybody sees what is theirs and nothing else`, async () => {
    const rows = await asEve((tx) => tx.unsafe(`select ${owner} as owner from ${table}`));
    expect([...rows]).toEqual([{ owner: eve[whose] }]);
  });

  test(`${table}: nobody sees anything before entering`, async () => {
    expect(await api.unsafe(`select ${owner} from ${table}`)).toHaveLength(0);
  });
}

const CHANGES: [what: string, statement: string][] = [
  ['renaming organizations', "update organizations set name = 'Eve was here' returning id as owner"],
  ['deleting organizations', 'delete from organizations returning id as owner'],
  ['changing roles', "update memberships set role = 'viewer' returning organization_id as owner"],
  ['removing members', 'delete from memberships returning organization_id as owner'],
  ['emptying watchlists', 'delete from watchlists returning organization_id as owner'],
  ['hurrying tasks', 'update tasks set updated_at = now() returning organization_id as owner'],
];
for (const [what, statement] of CHANGES) {
  test(`${what} without a where reaches one's own only`, async () => {
    const rows = await asEve((tx) => tx.unsafe(statement));
    expect([...rows]).toEqual([{ owner: eve.organizationId }]);
  });
}

describe('nobody can write into a foreign organization', () => {
  const INTO: [what: string, statement: (organization: string) => string][] = [
    ['a membership', (id) => `insert into memberships values ('${id}', '${eve.userId}', 'viewer')`],
    [
      'a watchlist entry',
      (id) => `insert into watchlists (organization_id, asset) values ('${id}', 'dogecoin')`,
    ],
    ['a watchlist', (id) => `update watchlists set organization_id = '${id}'`],
    ['their own membership', (id) => `update memberships set organization_id = '${id}'`],
  ];
  for (const [what, statement] of INTO) {
    test(`neither put ${what} there`, async () => {
      await expect(asEve((tx) => tx.unsafe(statement(ada.organizationId)))).rejects.toThrow(
        /row-level security/,
      );
    });
  }

  test('nor make an organization for somebody else', async () => {
    const attempt = asEve((tx) => tx`select create_organization(${uuidv7()}, ${ada.userId}, 'Gift', false)`);
    await expect(attempt).rejects.toThrow(/made by its owner/);
  });
});

describe('what a role may not touch at all', () => {
  const FORBIDDEN: [role: 'api' | 'auth', statement: string][] = [
    ['api', 'select password_hash from users'],
    ['api', 'select * from users'],
    ['api', "update users set name = 'x'"],
    ['api', 'select from sessions'],
    ['api', 'select from refresh_tokens'],
    ['api', 'select from login_failures'],
    ['api', 'delete from signing_keys'],
    ['auth', 'select from tasks'],
    ['auth', 'select from memberships'],
    ['auth', 'select from watchlists'],
    ['auth', 'select from ws_tickets'],
    ['auth', "update organizations set name = 'x'"],
    ['auth', "update users set email = 'x'"],
    ['auth', 'update sessions set expires_at = now()'],
    ['auth', 'delete from users'],
    ['auth', "select find_user('x')"],
  ];
  for (const [role, statement] of FORBIDDEN) {
    test(`${role}: ${statement}`, async () => {
      await expect((role === 'api' ? api : auth).unsafe(statement)).rejects.toThrow(/permission denied/);
    });
  }

  test('auth sees no organization before it has entered one', async () => {
    expect(await auth`select id, name from organizations`).toHaveLength(0);
  });
});

test('a session of one user does not let another one in', async () => {
  const mixed = { userId: ada.userId, sessionId: eve.sessionId };
  await expect(asMember(api, mixed, async () => {})).rejects.toMatchObject({ code: 'session_ended' });
});

test('what was entered ends with the transaction', async () => {
  await asMember(api, eve, (tx) => tx`select from organizations`);
  expect(await api`select id from organizations`).toHaveLength(0);
});
