import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database, Transaction } from './connect.ts';
import { asMember } from './enter.ts';
import { type DatabaseFixture, databaseFixture, type Member } from './testing/database-fixture.ts';

let on: DatabaseFixture;
let api: ReturnType<DatabaseFixture['as']>;
let ada: Member;
let eve: Member;

beforeAll(async () => {
  on = await databaseFixture();
  api = on.as('api');
  [ada, eve] = [await on.member(), await on.member()];
});
afterAll(() => on.close());

test('a session of one user is not accepted for another user', async () => {
  const mixed = { userId: ada.userId, sessionId: eve.sessionId };
  await expect(asMember(api, mixed, async () => {})).rejects.toMatchObject({ code: 'session_ended' });
});

test('the entered principal ends with the transaction', async () => {
  expect(await asMember(api, eve, (tx) => tx`select from organizations`)).toHaveLength(1);
  expect(await api`select from organizations`).toHaveLength(0);
});

test('a user cannot create an organization for another user', async () => {
  const gift = asMember(
    api,
    eve,
    (tx) => tx`select create_organization(${uuidv7()}, ${ada.userId}, 'Gift', false)`,
  );
  await expect(gift).rejects.toThrow(/made by its owner/);
});

test('a user cannot silence members of another organization or see their connections', async () => {
  const { organizationId, userId } = ada;
  const calls: ((tx: Transaction) => PromiseLike<unknown>)[] = [
    (tx) => tx`select silence_member(${organizationId}, ${userId})`,
    (tx) => tx`select watching_connections(${organizationId}, ${userId})`,
    (tx) => tx`select watching_connections(${organizationId})`,
  ];
  for (const call of calls)
    await expect(asMember(api, eve, async (tx) => call(tx))).rejects.toThrow(/only an administrator/);
});

test('members without administration rights see only their own connections', async () => {
  const bob = await on.member();
  await on.join(bob, ada.organizationId, 'member');
  const watching = (userId: string | null) =>
    asMember(
      api,
      bob,
      (tx) => tx`select watching_connections(${ada.organizationId}, ${userId}) as connections`,
    );
  expect(await watching(bob.userId)).toEqual([{ connections: [] }]);
  for (const other of [ada.userId, null])
    await expect(watching(other)).rejects.toThrow(/only an administrator/);
});

const lost = () => Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });

test('work does not fail when its connection was lost before it began', async () => {
  let begins = 0;
  const begin = (work: (tx: Transaction) => Promise<unknown>) => {
    begins += 1;
    return begins === 1 ? Promise.reject(lost()) : api.begin(work);
  };
  const failingOnce = { begin } as unknown as Database;
  expect(await asMember(failingOnce, eve, (tx) => tx`select from organizations`)).toHaveLength(1);
  expect(begins).toBe(2);
});

test('work that has begun is not repeated when the connection is lost: nobody knows whether it was committed', async () => {
  let works = 0;
  const losing = async () => {
    works += 1;
    throw lost();
  };
  await expect(asMember(api, eve, losing)).rejects.toThrow('CONNECTION_CLOSED');
  expect(works).toBe(1);
});

test('work that a reader refused is repeated on a connection that can write', async () => {
  let works = 0;
  const refusedOnce = async (tx: Transaction) => {
    works += 1;
    if (works === 1) await tx`set transaction read only`;
    await tx`select create_organization(${uuidv7()}, ${eve.userId}, 'After a failover', false)`;
  };
  await asMember(api, eve, refusedOnce);
  expect(works).toBe(2);
});
