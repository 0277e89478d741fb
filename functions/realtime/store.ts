import type { Database, Transaction } from '../database/connect.ts';
import type { Principal } from '../database/enter.ts';

/** Tasks that one connection may watch. */
export const MAX_SUBSCRIPTIONS = 100;

/** API Gateway ends a connection after two hours; a margin more, and the row is swept. */
const LIFE = '2 hours 5 minutes';

export async function addTicket(
  tx: Transaction,
  hash: Uint8Array,
  { userId, sessionId }: Principal,
  lifeSeconds: number,
): Promise<void> {
  await tx`
    insert into ws_tickets (ticket_hash, user_id, session_id, expires_at)
    values (${hash}, ${userId}, ${sessionId}, now() + ${lifeSeconds} * interval '1 second')`;
}

/** Takes a ticket: the first to present it gets its principal, nobody gets it twice. */
export async function redeemTicket(db: Database, hash: Uint8Array): Promise<Principal | undefined> {
  const [principal] = await db<Principal[]>`
    delete from ws_tickets where ticket_hash = ${hash} and expires_at > clock_timestamp()
    returning user_id as "userId", session_id as "sessionId"`;
  return principal;
}

export async function addConnection(
  tx: Transaction,
  id: string,
  { userId, sessionId }: Principal,
): Promise<void> {
  await tx`
    insert into connections (id, user_id, session_id, expires_at)
    values (${id}, ${userId}, ${sessionId}, now() + ${LIFE}::text::interval)`;
}

export async function principalOf(db: Database, connectionId: string): Promise<Principal | undefined> {
  const [principal] = await db<Principal[]>`
    select user_id as "userId", session_id as "sessionId" from connections
    where id = ${connectionId} and expires_at > clock_timestamp()`;
  return principal;
}

/**
 * Makes a connection a watcher of a task that the transaction's principal may see.
 *
 * @returns the task's `seq` from which on the connection will hear of every change; undefined when it is not visible
 */
export async function watch(
  tx: Transaction,
  connectionId: string,
  taskId: string,
): Promise<number | undefined> {
  const [row] = await tx<{ seq: number }[]>`
    update tasks t set watchers = array_append(array_remove(t.watchers, ${connectionId}), ${connectionId})
    where t.id = ${taskId}
    returning t.seq`;
  if (!row) return undefined;
  await tx`
    insert into subscriptions (connection_id, task_id) values (${connectionId}, ${taskId}) on conflict do nothing`;
  return row.seq;
}

export async function unwatchOne(tx: Transaction, connectionId: string, taskId: string): Promise<void> {
  await tx`update tasks t set watchers = array_remove(t.watchers, ${connectionId}) where t.id = ${taskId}`;
  await tx`delete from subscriptions where connection_id = ${connectionId} and task_id = ${taskId}`;
}

export async function countSubscriptions(tx: Transaction, connectionId: string): Promise<number> {
  const [row] = await tx<{ count: number }[]>`
    select count(*)::int as count from subscriptions where connection_id = ${connectionId}`;
  return row?.count ?? 0;
}

/** Forgets connections: takes them off everything that they watch. */
export async function forget(db: Database, connectionIds: readonly string[]): Promise<void> {
  await db`
    with silenced as materialized (select silence(${connectionIds as string[]}::text[]))
    delete from connections c using silenced where c.id = any (${connectionIds as string[]}::text[])`;
}

/** Connections that are past their life, or whose session has ended; at most `limit`. */
export async function overdueConnections(db: Database, limit: number): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select c.id from connections c join sessions s on s.id = c.session_id
    where c.expires_at < clock_timestamp() or s.revoked_at is not null or s.expires_at < clock_timestamp()
    limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Removes tickets that nobody used. */
export async function sweepTickets(db: Database): Promise<void> {
  await db`delete from ws_tickets where expires_at < clock_timestamp()`;
}
