import { afterAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { sweep } from './store.ts';
import { sweepIdempotencyKeys } from './sweep.ts';

const on: DatabaseFixture = await databaseFixture();
const { userId } = await on.member();
afterAll(() => on.close());

const expiring = (key: string, inMinutes: number) => on.admin`
  insert into idempotency_keys (user_id, key, fingerprint, seed, expires_at)
  values (${userId}, ${key}, '', gen_random_uuid(), now() + ${inMinutes} * interval '1 minute')`;
const left = async () =>
  (await on.admin`select key from idempotency_keys order by key`).map(({ key }) => key);

test('expired keys are deleted, oldest first and a bounded number at a time', async () => {
  const dispatcher = on.as('dispatcher');
  await Promise.all([expiring('a', -1), expiring('b', -3), expiring('c', -2), expiring('d', 1)]);
  await sweep(dispatcher, 2);
  expect(await left()).toEqual(['a', 'd']);
  await sweepIdempotencyKeys({ db: dispatcher }, () => true);
  expect(await left()).toEqual(['d']);
});

test('all expired keys are deleted while there is time, and one step of them when there is none', async () => {
  const dispatcher = on.as('dispatcher');
  const expired = async () => (await left()).filter((key) => key.startsWith('old')).length;
  await on.admin`
    insert into idempotency_keys (user_id, key, fingerprint, seed, expires_at)
    select ${userId}, 'old' || n, '', gen_random_uuid(), now() - interval '1 minute' from generate_series(1, 12000) n`;
  await sweepIdempotencyKeys({ db: dispatcher }, () => false);
  expect(await expired()).toBe(7_000);
  await sweepIdempotencyKeys({ db: dispatcher }, () => true);
  expect(await expired()).toBe(0);
});
