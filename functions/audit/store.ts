import { v7 as uuidv7 } from 'uuid';
import type { Database, Transaction } from '../database/connect.ts';
import type { AuditAction } from './actions.ts';

type On = Database | Transaction;

export type Act = {
  organizationId: string;
  action: AuditAction;
  target: string | null;
  /** Never contains secrets. */
  details: Readonly<Record<string, string | number | null>>;
  address: string | null;
};

export async function insertAct(tx: Transaction, act: Act): Promise<void> {
  const { organizationId, action, target, details, address } = act;
  await tx`
    select record_act(${uuidv7()}, ${organizationId}, ${action}, ${target}, ${JSON.stringify(details)}::jsonb, ${address})`;
}

export type IdentityEvent = {
  action: AuditAction;
  userId: string | null;
  sessionId: string | null;
  target: string | null;
  address: string | null;
};

export async function insertIdentityEvent(on: On, event: IdentityEvent): Promise<void> {
  const { action, userId, sessionId, target, address } = event;
  await on`
    select record_identity_event(${uuidv7()}, ${userId}::uuid, ${sessionId}::uuid, ${action}, ${target}, ${address})`;
}

export type Entry = Omit<Act, 'details' | 'organizationId'> & {
  id: string;
  at: Date;
  actorId: string | null;
  /** Null when the actor is unknown or is no longer a member. */
  actorName: string | null;
  details: Record<string, unknown>;
};

/** Entries of an organization that the transaction's principal administers, newest first. */
export async function list(
  tx: Transaction,
  organizationId: string,
  { beforeId, limit }: { beforeId: string | null; limit: number },
): Promise<Entry[]> {
  return tx<Entry[]>`
    select a.id, a.at, a.actor_id as "actorId", (select u.username from users u where u.id = a.actor_id) as "actorName",
      a.action, a.target, a.details, a.address
    from audit_log a
    where a.organization_id = ${organizationId} ${beforeId === null ? tx`` : tx`and a.id < ${beforeId}`}
    order by a.id desc limit ${limit}`;
}

/**
 * Deletes entries older than 90 days, oldest first. Row-level security protects younger entries.
 *
 * @returns the number of deleted entries
 */
export async function sweep(db: Database, limit: number): Promise<number> {
  const { count } = await db`
    delete from audit_log where id = any (array(
      select id from audit_log where at < (select clock_timestamp()) - interval '90 days' order by at limit ${limit}))`;
  return count;
}
