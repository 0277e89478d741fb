import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { rememberVerified } from './remember-verified.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;

/** Returns a token with this lifetime. These tests do not check its signature. */
const lasting = (seconds: number, sub = 'ada') =>
  new SignJWT({ sub })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(START / 1000 + seconds)
    .sign(new Uint8Array(32));

function remembering() {
  const clock = { now: START };
  const asked: string[] = [];
  const refuses = new Set<string>();
  const verify = rememberVerified(
    async (token) => {
      asked.push(token);
      if (refuses.has(token)) throw new Error('refused');
      return { userId: token, sessionId: 's' };
    },
    () => clock.now,
  );
  return { verify, asked, clock, refuses };
}

test('a token is verified once; later requests with it get the same principal', async () => {
  const { verify, asked } = remembering();
  const [one, other] = [await lasting(600, 'ada'), await lasting(600, 'bob')];
  for (const token of [one, other, one, other]) expect((await verify(token)).userId).toBe(token);
  expect(asked).toEqual([one, other]);
});

test('after a minute a token is verified again, so that a withdrawn key is noticed', async () => {
  const { verify, asked, clock, refuses } = remembering();
  const token = await lasting(600);
  await verify(token);
  refuses.add(token);
  clock.now = START + MINUTE - 1;
  await verify(token);
  clock.now = START + MINUTE;
  await expect(verify(token)).rejects.toThrow('refused');
  expect(asked).toHaveLength(2);
});

test('a token is not remembered beyond its expiry', async () => {
  const { verify, asked, clock } = remembering();
  const token = await lasting(10);
  await verify(token);
  clock.now = START + 10_000;
  await verify(token);
  expect(asked).toHaveLength(2);
});

test('a refusal is not remembered', async () => {
  const { verify, refuses } = remembering();
  const token = await lasting(600);
  refuses.add(token);
  await expect(verify(token)).rejects.toThrow('refused');
  refuses.delete(token);
  expect((await verify(token)).userId).toBe(token);
});

test('a flood of tokens does not fill the memory: the oldest is forgotten', async () => {
  const { verify, asked } = remembering();
  const first = await lasting(600, 'first');
  await verify(first);
  for (let i = 0; i < 1_000; i += 1) await verify(await lasting(600, `user ${i}`));
  await verify(first);
  expect(asked.filter((token) => token === first)).toHaveLength(2);
});
