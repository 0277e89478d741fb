import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { insertRows } from '../../database/testing/rows.ts';
import { sweepIdentities } from './sweep.ts';

let on: DatabaseFixture;
let ada: Member;

beforeAll(async () => {
  on = await databaseFixture();
  ada = await on.member();
  await insertRows(on.admin, ada);
});
afterAll(() => on.close());

const sweep = (timeLeft = () => true) => sweepIdentities({ db: on.as('dispatcher') }, timeLeft);
const left = async () =>
  (
    await on.admin<{ sessions: number; tokens: number; counts: number }[]>`
      select (select count(*)::int from sessions) as sessions, (select count(*)::int from refresh_tokens) as tokens,
        (select count(*)::int from request_counts) as counts`
  )[0];

test('unexpired rows stay', async () => {
  await sweep();
  expect(await left()).toEqual({ sessions: 1, tokens: 1, counts: 1 });
});

test('expired tokens and counts are deleted, also those of a live session', async () => {
  await on.admin`
    insert into refresh_tokens (token_hash, session_id, expires_at, used_at)
    values ('\\x00', ${ada.sessionId}, now() - interval '1 second', now() - interval '1 day')`;
  await on.admin`update request_counts set expires_at = now() - interval '1 second'`;
  await sweep();
  expect(await left()).toEqual({ sessions: 1, tokens: 1, counts: 0 });
});

test('an expired session is deleted with its tokens, once its sockets are closed', async () => {
  await on.admin`update sessions set expires_at = now() - interval '1 second'`;
  await sweep();
  expect(await left()).toMatchObject({ sessions: 1 });
  await on.admin`select forget(array(select id from connections))`;
  await sweep();
  expect(await left()).toMatchObject({ sessions: 0, tokens: 0 });
});

test.each([
  [
    'sessions',
    (rows: number) => on.admin`
    insert into sessions (id, user_id, expires_at)
    select gen_random_uuid(), ${ada.userId}, now() - interval '1 second' from generate_series(1, ${rows})`,
  ],
  [
    'tokens',
    (rows: number) => on.admin`
    with s as (
      insert into sessions (id, user_id, expires_at) values (gen_random_uuid(), ${ada.userId}, now() + interval '1 day')
      returning id
    )
    insert into refresh_tokens (token_hash, session_id, expires_at)
    select sha256(n::text::bytea), s.id, now() - interval '1 second' from s, generate_series(1, ${rows}) n`,
  ],
] as const)(
  'all %s that have expired go while there is time, and a step of them when there is none',
  async (what, expired) => {
    const before = (await left())?.[what] ?? 0;
    await expired(1_200);
    await sweep(() => false);
    expect((await left())?.[what]).toBeGreaterThanOrEqual(before + 700);
    await sweep();
    expect((await left())?.[what]).toBe(before);
  },
);
