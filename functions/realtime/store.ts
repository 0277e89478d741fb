import type { Database, Transaction } from '../database/connect.ts';
import type { Principal } from '../database/enter.ts';
import { retryOnConflict } from '../database/retry-on-conflict.ts';

/** Tasks that one connection may watch, and as many batches. */
export const MAX_SUBSCRIPTIONS = 100;

/** Connections of one user. */
export const MAX_CONNECTIONS = 100;

/** API Gateway ends a connection after two hours; a margin more, and the row is swept. */
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

/** Takes a ticket: the first to present it gets its principal, nobody gets it twice. */
export async function redeemTicket(db: Database, hash: Uint8Array): Promise<Principal | undefined> {
  const [principal] = await db<Principal[]>`
    select user_id as "userId", session_id as "sessionId" from redeem_ticket(${hash})`;
  return principal;
}

/** Remembers a connection. @returns false when its user has as many as one may have */
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

/** Why a connection does not become a watcher. */
export type WatchRefusal =
  | 'session_ended'
  | 'task_not_found'
  | 'batch_not_found'
  | 'too_many_subscriptions'
  | 'too_many_watchers';

type Watched = { refusal: WatchRefusal; seq: null } | { refusal: null; seq: number };

/**
 * Makes a connection a watcher of a task, with the rights that its user has at this moment: a removal or a logout
 * comes before, and it does not watch, or after, and ends it. Watching already is no error.
 *
 * @returns `seq`: the task's, from which on the connection will hear of every change
 */
export async function watch(db: Database, connectionId: string, taskId: string): Promise<Watched> {
  const [watched] = await retryOnConflict(
    () => db<Watched[]>`select refusal, seq from watch(${connectionId}, ${taskId}, ${MAX_SUBSCRIPTIONS})`,
  );
  if (!watched) throw new Error('A function that always answers did not');
  return watched;
}

/** Ends the watching of one task. Not having watched it is no error. */
export async function unwatch(db: Database, connectionId: string, taskId: string): Promise<void> {
  await retryOnConflict(() => db`select unwatch(${connectionId}, ${taskId})`);
}

/** Makes a connection a watcher of a batch, as `watch` does of a task. */
export async function watchBatch(db: Database, connectionId: string, batchId: string): Promise<Watched> {
  const [watched] = await retryOnConflict(
    () =>
      db<Watched[]>`select refusal, seq from watch_batch(${connectionId}, ${batchId}, ${MAX_SUBSCRIPTIONS})`,
  );
  if (!watched) throw new Error('A function that always answers did not');
  return watched;
}

/** Ends the watching of one batch. Not having watched it is no error. */
export async function unwatchBatch(db: Database, connectionId: string, batchId: string): Promise<void> {
  await retryOnConflict(() => db`select unwatch_batch(${connectionId}, ${batchId})`);
}

/** Forgets connections: takes them off everything that they watch. */
export async function forget(db: Database, connectionIds: readonly string[]): Promise<void> {
  await retryOnConflict(() => db`select forget(${connectionIds as string[]}::text[])`);
}

/** Connections that are past their life, or whose session has ended; at most `limit`. */
export async function overdueConnections(db: Database, limit: number): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select c.id from connections c join sessions s on s.id = c.session_id
    where c.expires_at < (select clock_timestamp()) or s.revoked_at is not null or s.expires_at < (select clock_timestamp())
    limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Removes tickets that nobody used. */
export async function sweepTickets(db: Database): Promise<void> {
  await db`delete from ws_tickets where expires_at < (select clock_timestamp())`;
}
