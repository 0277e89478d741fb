import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture, type Member } from '../database/testing/database-fixture.ts';
import { once } from './once.ts';
import type { Answer } from './store.ts';

const on: DatabaseFixture = await databaseFixture();
const db = on.as('api');
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const DONE: Answer = { status: 201, body: '{"made":1}', location: '/things/1' };
const OTHER: Answer = { status: 201, body: '{"made":2}', location: null };

/** Sends a request of Ada, always with the same key. */
const ask = (run: (seed: string) => Promise<Answer>, fingerprint = ['POST', '/things']) =>
  once({ db }, ada, { key: 'key', fingerprint, run });
const answering = (answer: Answer) => async () => answer;
const notRun = () => expect.fail('the request was carried out');

const makeOld = () =>
  on.admin`update idempotency_keys set expires_at = now() - interval '1 second' where user_id = ${ada.userId}`;
const passTheLock = () =>
  on.admin`update idempotency_keys set locked_until = now() - interval '1 second' where user_id = ${ada.userId}`;

describe('a request that may have come half-way', () => {
  const HALF_WAY: Record<string, () => Promise<Answer>> = {
    'that threw': () => Promise.reject(new Error('no database')),
    'whose answer was a fault': answering({ status: 503, body: '{}', location: null }),
  };
  for (const [what, run] of Object.entries(HALF_WAY)) {
    test(`${what}, is repeated at once, with the same seed`, async () => {
      const seeds: string[] = [];
      const noting = (then: () => Promise<Answer>) => (seed: string) => {
        seeds.push(seed);
        return then();
      };
      await ask(noting(run)).catch(() => {});
      expect(await ask(noting(answering(DONE)))).toEqual({ ...DONE, replayed: false });
      expect(seeds[1]).toBe(seeds[0]);
      expect(await ask(notRun)).toEqual({ ...DONE, replayed: true });
    });
  }

  test('blocks no other key, and is refused for another request even when the first one is presumed dead', async () => {
    const answer = await ask(async () => {
      await expect(ask(notRun)).rejects.toMatchObject({ code: 'idempotency_key_in_use' });
      await passTheLock();
      await expect(ask(notRun, ['POST', '/others'])).rejects.toMatchObject({
        code: 'idempotency_key_reused',
      });
      expect(await ask(answering(DONE))).toEqual({ ...DONE, replayed: false });
      return DONE;
    });
    expect(answer).toEqual({ ...DONE, replayed: false });
  });
});

describe('an answer', () => {
  test('without a body is remembered, too', async () => {
    const empty = { status: 204, body: '', location: null };
    await ask(answering(empty));
    expect(await ask(notRun)).toEqual({ ...empty, replayed: true });
  });

  test('that cannot be remembered is still returned', async () => {
    const run = async () => {
      await on.admin`update sessions set expires_at = now() where id = ${ada.sessionId}`;
      return DONE;
    };
    expect(await ask(run)).toEqual({ ...DONE, replayed: false });
  });

  test('is remembered for a day', async () => {
    await ask(answering(DONE));
    const [row] = await on.admin`
      select extract(epoch from expires_at - now()) / 3600 as hours from idempotency_keys where user_id = ${ada.userId}`;
    expect(Number(row?.hours)).toBeGreaterThan(23.9);
    expect(Number(row?.hours)).toBeLessThanOrEqual(24);
  });
});

describe('a key whose day is over', () => {
  beforeEach(async () => {
    await ask(answering(DONE));
    await makeOld();
  });

  test('is remembered for another day by the request that takes it', async () => {
    expect(await ask(answering(OTHER), ['POST', '/others'])).toEqual({ ...OTHER, replayed: false });
    expect(await ask(notRun, ['POST', '/others'])).toEqual({ ...OTHER, replayed: true });
  });

  test('does not give its old answer to a request that has taken it and failed', async () => {
    await ask(answering({ status: 500, body: '{}', location: null }));
    expect(await ask(answering(OTHER))).toEqual({ ...OTHER, replayed: false });
  });
});

describe('a request that outlasts the day of its key changes nothing of the one that has taken it', () => {
  const LATE: Record<string, Answer> = {
    'when it is done': DONE,
    'when it is refused': { status: 400, body: '{}', location: null },
  };
  for (const [when, late] of Object.entries(LATE)) {
    test(when, async () => {
      await ask(async () => {
        await makeOld();
        await ask(answering(OTHER), ['POST', '/others']);
        return late;
      });
      expect(await ask(notRun, ['POST', '/others'])).toEqual({ ...OTHER, replayed: true });
    });
  }

  test('when it fails while the other is under way', async () => {
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let other: Promise<Answer> | undefined;
    const late = ask(async () => {
      await makeOld();
      other = ask(async () => {
        begun.resolve();
        await end.promise;
        return OTHER;
      }, ['POST', '/others']);
      await begun.promise;
      throw new Error('too late');
    });
    await expect(late).rejects.toThrow('too late');
    await expect(ask(notRun, ['POST', '/others'])).rejects.toMatchObject({ code: 'idempotency_key_in_use' });
    end.resolve();
    expect(await other).toEqual({ ...OTHER, replayed: false });
  });
});
