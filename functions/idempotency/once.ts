import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, organizationNotFound, type Principal } from '../database/enter.ts';
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

/** An answer, and whether it hands out a secret. */
export type GivenAnswer = Answer & { hasSecret?: boolean };

/**
 * Carries out a request once for each key of a user, within a day: who repeats it gets the same answer.
 *
 * A replay needs the rights of a reader again: who has left an organization that the answer is about gets a refusal.
 *
 * A refusal has done nothing, and is not remembered. An answer with a secret is not remembered either: the repeated request
 * is carried out again with the same seed, so that it finds what it made and hands out a new secret. A request whose function died may be repeated after a minute; `run`
 * then gets the same `seed`, and ids that count up from it, so that what was made is found and not made again.
 *
 * @param run makes the answer; with a status from 400 it has done nothing, with one from 500 nobody knows
 * @throws Refusal `idempotency_key_reused` with another request's key, `idempotency_key_in_use` while the first is under way,
 *   `organization_not_found` for the answer of an organization that the principal has left
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
  // What has been done is done: an answer that cannot be remembered is given all the same.
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

/** All ids that a request or its answer names, of whatever they are. */
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
