import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import * as store from './store.ts';

/** A request that must not be carried out twice. */
export type KeyedRequest = {
  /** 1 to 255 printable characters of ASCII. */
  key: string;
  /** Everything that makes it this request: method, path, body. */
  fingerprint: readonly string[];
};

type Answer = store.Answer;

/**
 * Carries out a request once for each key of a user, within a day: who repeats it gets the same answer.
 *
 * A refusal has done nothing, and is not remembered. A request whose function died may be repeated after a minute; `run`
 * then gets the same `seed`, and ids that count up from it, so that what was made is found and not made again.
 *
 * @param run answers; with a status from 400 it has done nothing, with one from 500 nobody knows
 * @throws Refusal `idempotency_key_reused` with another request's key, `idempotency_key_in_use` while the first is under way
 */
export async function once(
  { db }: { db: Database },
  principal: Principal,
  { key, fingerprint }: KeyedRequest,
  run: (seed: string) => Promise<Answer>,
): Promise<Answer & { replayed: boolean }> {
  const hash = createHash('sha256').update(JSON.stringify(fingerprint)).digest();
  const { userId } = principal;
  const begun = await asMember(db, principal, async (tx) => {
    const seed = await store.take(tx, { userId, key, fingerprint: hash, seed: uuidv7() });
    if (seed !== undefined) return { seed };
    const before = await store.find(tx, userId, key);
    if (before && !before.fingerprint.equals(hash)) throw reused();
    if (!before?.answer) throw inUse();
    return { answer: before.answer };
  });
  if (begun.answer) return { ...begun.answer, replayed: true };
  const entry = { userId, key, seed: begun.seed };
  const end = (work: (tx: Parameters<typeof store.forget>[0]) => Promise<void>) =>
    asMember(db, principal, work);
  let answer: Answer;
  try {
    answer = await run(begun.seed);
  } catch (error) {
    await end((tx) => store.unlock(tx, entry)).catch(() => {});
    throw error;
  }
  // What has been done is done: an answer that cannot be remembered is given all the same.
  await end((tx) => {
    if (answer.status >= 500) return store.unlock(tx, entry);
    return answer.status >= 400 ? store.forget(tx, entry) : store.remember(tx, entry, answer);
  }).catch(() => {});
  return { ...answer, replayed: false };
}

function reused(): Refusal {
  return new Refusal(
    'unprocessable',
    'idempotency_key_reused',
    'Another request has been made with this Idempotency-Key',
  );
}

function inUse(): Refusal {
  return new Refusal(
    'conflict',
    'idempotency_key_in_use',
    'The first request with this Idempotency-Key is still under way',
  );
}
