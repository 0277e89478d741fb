import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, organizationNotFound, type Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import * as store from './store.ts';

/** A request that must not be carried out twice. */
export type KeyedRequest = {
  /** 1 to 255 printable ASCII characters. */
  key: string;
  /** Everything that identifies the request: method, path, body. */
  fingerprint: readonly string[];
};

type Answer = store.Answer;

/** An answer. `hasSecret` says that it contains a secret. */
export type GivenAnswer = Answer & { hasSecret?: boolean };

/**
 * Carries out a request once for each key of a user. A repeated request within a day gets the stored answer.
 *
 * Replaying an answer requires the right to read: a principal who has left an organization that the answer is about is
 * refused.
 *
 * A refused request has changed nothing, so its refusal is not stored. An answer with a secret is not stored either: the
 * repeated request is carried out again with the same seed, finds what it made the first time, and returns a new secret.
 * A request whose function died can be repeated after a minute. `run` then gets the same `seed`. The ids that it makes
 * count up from the seed, so `run` finds what was made and makes nothing twice.
 *
 * @param run makes the answer; a status from 400 to 499 means that it changed nothing, a status from 500 means that the
 *   effect is unknown
 * @throws Refusal `idempotency_key_reused` with another request's key, `idempotency_key_in_use` while the first request
 *   is under way, `organization_not_found` for the answer of an organization that the principal has left
 */
export async function once(
  { db }: { db: Database },
  principal: Principal,
  { key, fingerprint, run }: KeyedRequest & { run: (seed: string) => Promise<GivenAnswer> },
): Promise<Answer & { replayed: boolean }> {
  const hash = createHash('sha256').update(JSON.stringify(fingerprint)).digest();
  const { userId } = principal;
  const begun = await asMember(db, principal, async (tx) => {
    const seed = await store.take(tx, { userId, key, fingerprint: hash, seed: uuidv7() });
    if (seed !== undefined) return { seed };
    const before = await store.find(tx, userId, key);
    if (before && !before.fingerprint.equals(hash)) throw reused();
    if (!before?.answer) throw inUse();
    const { organizationIds } = before;
    if ((await store.memberOf(tx, userId, organizationIds)).length < organizationIds.length) {
      throw organizationNotFound();
    }
    return { answer: before.answer };
  });
  if (begun.answer) return { ...begun.answer, replayed: true };
  const entry = { userId, key, seed: begun.seed };
  const end = (work: Parameters<typeof asMember<void>>[2]) => asMember(db, principal, work);
  let given: GivenAnswer;
  try {
    given = await run(begun.seed);
  } catch (error) {
    await end((tx) => store.unlock(tx, entry)).catch(() => {});
    throw error;
  }
  // The request has been carried out, so its answer is returned even when storing the answer fails.
  const { hasSecret = false, ...answer } = given;
  await end(async (tx) => {
    if (answer.status >= 500) return store.unlock(tx, entry);
    if (answer.status >= 400) return store.forget(tx, entry);
    if (hasSecret) return store.unlock(tx, entry);
    const named = await store.memberOf(tx, userId, idsIn([...fingerprint, answer.body]));
    return store.remember(tx, entry, { answer, organizationIds: named });
  }).catch(() => {});
  return { ...answer, replayed: false };
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** Returns all ids in the request and its answer, whatever they identify. */
function idsIn(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.match(UUID) ?? []).map((id) => id.toLowerCase()))];
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
