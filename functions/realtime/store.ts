import type { Database, Transaction } from '../database/connect.ts';
import type { Principal } from '../database/enter.ts';
import { retryOnConflict } from '../database/retry-on-conflict.ts';

/** Maximum tasks that one connection may watch. The same maximum applies to batches. */
export const MAX_SUBSCRIPTIONS = 100;

/** Maximum connections of one user. */
export const MAX_CONNECTIONS = 100;

/** API Gateway ends a connection after two hours. After a margin, the sweep deletes the row. */
const LIFE = '2 hours 5 minutes';

export async function addTicket(
  tx: Transaction,
  {
    hash,
    principal: { userId, sessionId },
    lifeSeconds,
  }: { hash: Uint8Array; principal: Principal; lifeSeconds: number },
): Promise<void> {
  await tx`
    insert into ws_tickets (ticket_hash, user_id, session_id, expires_at)
    values (${hash}, ${userId}, ${sessionId}, now() + ${lifeSeconds} * interval '1 second')`;
}

/** Redeems a ticket: the first client that presents it gets its principal, and the ticket cannot be used again. */
export async function redeemTicket(db: Database, hash: Uint8Array): Promise<Principal | undefined> {
  const [principal] = await db<Principal[]>`
    select user_id as "userId", session_id as "sessionId" from redeem_ticket(${hash})`;
  return principal;
}

/** Stores a connection. @returns false when its user has the maximum number of connections */
export async function openConnection(
  tx: Transaction,
  id: string,
  { sessionId }: Pick<Principal, 'sessionId'>,
): Promise<boolean> {
  const [row] = await tx<{ opened: boolean }[]>`
    select open_connection(${id}, ${sessionId}, ${LIFE}::text::interval, ${MAX_CONNECTIONS}) as opened`;
  return row?.opened ?? false;
}

export async function principalOf(db: Database, connectionId: string): Promise<Principal | undefined> {
  const [principal] = await db<Principal[]>`
    select user_id as "userId", session_id as "sessionId" from principal_of(${connectionId})`;
  return principal;
}

/** Reason why a connection does not become a watcher. */
export type WatchRefusal =
  | 'session_ended'
  | 'task_not_found'
  | 'batch_not_found'
  | 'too_many_subscriptions'
  | 'too_many_watchers';

type Watched = { refusal: WatchRefusal; seq: null } | { refusal: null; seq: number };

/**
 * Makes a connection a watcher of a task, with the rights that its user has at this moment. A removal or a logout either
 * comes before, and then the connection does not watch, or comes after, and then ends the watching. Watching again is no
 * error.
 *
 * @returns `seq`: the task's current one; the connection gets every later change
 */
export async function watch(db: Database, connectionId: string, taskId: string): Promise<Watched> {
  const [watched] = await retryOnConflict(
    () => db<Watched[]>`select refusal, seq from watch(${connectionId}, ${taskId}, ${MAX_SUBSCRIPTIONS})`,
  );
  if (!watched) throw new Error('The database function returned no row');
  return watched;
}

/** Stops watching one task. It is no error if the connection did not watch the task. */
export async function unwatch(db: Database, connectionId: string, taskId: string): Promise<void> {
  await retryOnConflict(() => db`select unwatch(${connectionId}, ${taskId})`);
}

/** Makes a connection a watcher of a batch, like `watch` for a task. */
export async function watchBatch(db: Database, connectionId: string, batchId: string): Promise<Watched> {
  const [watched] = await retryOnConflict(
    () =>
      db<Watched[]>`select refusal, seq from watch_batch(${connectionId}, ${batchId}, ${MAX_SUBSCRIPTIONS})`,
  );
  if (!watched) throw new Error('The database function returned no row');
  return watched;
}

/** Stops watching one batch. It is no error if the connection did not watch the batch. */
export async function unwatchBatch(db: Database, connectionId: string, batchId: string): Promise<void> {
  await retryOnConflict(() => db`select unwatch_batch(${connectionId}, ${batchId})`);
}

/** Deletes connections with all their subscriptions. */
export async function forget(db: Database, connectionIds: readonly string[]): Promise<void> {
  await retryOnConflict(() => db`select forget(${connectionIds as string[]}::text[])`);
}

/** Returns at most `limit` connections whose lifetime or session has ended. */
export async function overdueConnections(db: Database, limit: number): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select c.id from connections c join sessions s on s.id = c.session_id
    where c.expires_at < (select clock_timestamp()) or s.revoked_at is not null or s.expires_at < (select clock_timestamp())
    limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Deletes expired tickets. */
export async function sweepTickets(db: Database): Promise<void> {
  await db`delete from ws_tickets where expires_at < (select clock_timestamp())`;
}
