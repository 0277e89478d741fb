import type { Database, Transaction } from '../database/connect.ts';

/** The answer to a request with a key. */
export type Answer = { status: number; body: string; location: string | null };

/** Hours that a key is remembered. */
export const KEY_HOURS = 24;

/** Seconds after which a request without an answer is presumed dead. Longer than a function may run. */
const LOCK_SECONDS = 60;

type Entry = { userId: string; key: string; fingerprint: Uint8Array; seed: string };

/**
 * Takes a key for a request: a new key, an expired key, or a key whose request died before it could answer.
 *
 * @returns the seed of the request; a repeated request gets the seed of the first one; undefined when the key cannot be
 *   taken
 */
export async function take(
  tx: Transaction,
  { userId, key, fingerprint, seed }: Entry,
): Promise<string | undefined> {
  const [taken] = await tx<{ seed: string }[]>`
    insert into idempotency_keys as k (user_id, key, fingerprint, seed, locked_until, expires_at)
    values (${userId}, ${key}, ${fingerprint}, ${seed}, clock_timestamp() + ${LOCK_SECONDS} * interval '1 second',
      clock_timestamp() + ${KEY_HOURS} * interval '1 hour')
    on conflict (user_id, key) do update
    set locked_until = excluded.locked_until, expires_at = excluded.expires_at, fingerprint = excluded.fingerprint,
      seed = case when k.expires_at < clock_timestamp() then excluded.seed else k.seed end,
      status = null, body = null, location = null, organization_ids = '{}'
    where k.expires_at < clock_timestamp()
      or (k.status is null and k.locked_until < clock_timestamp() and k.fingerprint = excluded.fingerprint)
    returning k.seed`;
  return taken?.seed;
}

/** Finds the request that holds a key, and its answer if it has one. */
export async function find(
  tx: Transaction,
  userId: string,
  key: string,
): Promise<{ fingerprint: Buffer; answer: Answer | null; organizationIds: string[] } | undefined> {
  const [row] = await tx<({ fingerprint: Buffer; organizationIds: string[] } & Partial<Answer>)[]>`
    select fingerprint, status, body, location, organization_ids as "organizationIds"
    from idempotency_keys where user_id = ${userId} and key = ${key}`;
  if (!row) return undefined;
  const { fingerprint, status, body, location, organizationIds } = row;
  return {
    fingerprint,
    organizationIds,
    answer: status && body != null ? { status, body, location: location ?? null } : null,
  };
}

/** Returns those of the ids that are organizations of which the user is a member. */
export async function memberOf(tx: Transaction, userId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx<{ id: string }[]>`
    select m.organization_id as id
    from unnest(${ids as string[]}::uuid[]) as named(id) join memberships m on m.organization_id = named.id
    where m.user_id = ${userId}`;
  return rows.map(({ id }) => id);
}

/** Stores the answer. @param organizationIds the organizations that the answer is about */
export async function remember(
  tx: Transaction,
  { userId, key, seed }: Omit<Entry, 'fingerprint'>,
  { answer, organizationIds }: { answer: Answer; organizationIds: readonly string[] },
): Promise<void> {
  await tx`
    update idempotency_keys
    set status = ${answer.status}, body = ${answer.body}, location = ${answer.location}, locked_until = null,
      organization_ids = ${organizationIds as string[]}::uuid[]
    where user_id = ${userId} and key = ${key} and seed = ${seed}`;
}

/** Frees the key of a refused request, which has changed nothing. */
export async function forget(
  tx: Transaction,
  { userId, key, seed }: Omit<Entry, 'fingerprint'>,
): Promise<void> {
  await tx`delete from idempotency_keys where user_id = ${userId} and key = ${key} and seed = ${seed}`;
}

/** Allows the request to be repeated immediately, with the same seed. */
export async function unlock(
  tx: Transaction,
  { userId, key, seed }: Omit<Entry, 'fingerprint'>,
): Promise<void> {
  await tx`
    update idempotency_keys set locked_until = clock_timestamp()
    where user_id = ${userId} and key = ${key} and seed = ${seed} and status is null`;
}

/** Deletes expired keys, oldest first. @returns the number of deleted keys */
export async function sweep(db: Database, limit: number): Promise<number> {
  const { count } = await db`
    delete from idempotency_keys k where k.ctid = any (array(
      select old.ctid from idempotency_keys old where old.expires_at < (select clock_timestamp()) order by old.expires_at limit ${limit}))
      and k.expires_at < clock_timestamp()`;
  return count;
}
