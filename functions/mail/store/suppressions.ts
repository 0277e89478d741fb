import type { Database, Transaction } from '../../database/connect.ts';
import type { Suppression, SuppressionReason } from '../suppression.ts';

const columnsSql = (tx: Transaction) => tx`
  s.address, s.reason, s.detail, s.task_id as "taskId", s.created_by as "createdBy", s.created_at as "createdAt"`;

/** Lists suppressions of an organization by address. @param after only addresses behind this one */
export async function listSuppressions(
  tx: Transaction,
  { organizationId, after }: { organizationId: string; after: string },
  limit: number,
): Promise<Suppression[]> {
  return tx<Suppression[]>`
    select ${columnsSql(tx)} from suppressions s
    where s.organization_id = ${organizationId} and s.address > ${after}
    order by s.organization_id, s.address
    limit ${limit}`;
}

/** Returns those of the addresses that the organization has suppressed. */
export async function findSuppressions(
  tx: Transaction,
  organizationId: string,
  addresses: readonly string[],
): Promise<Suppression[]> {
  return tx<Suppression[]>`
    select ${columnsSql(tx)} from suppressions s
    where s.organization_id = ${organizationId} and s.address = any (${addresses as string[]}::text[])
    order by s.address`;
}

/**
 * Adds addresses by hand. An address that is suppressed already keeps its reason.
 *
 * @returns the number of the organization's suppressions, and their limit. Beyond the limit, the caller must undo the transaction
 */
export async function addSuppressions(
  tx: Transaction,
  {
    organizationId,
    userId,
    addresses,
  }: { organizationId: string; userId: string; addresses: readonly string[] },
): Promise<{ used: number; limit: number }> {
  const [row] = await tx<{ used: number; limit: number }[]>`
    with added as (
      insert into suppressions (organization_id, address, reason, created_by)
      select ${organizationId}, given.address, 'manual', ${userId}
      from (select distinct address from unnest(${addresses as string[]}::text[]) a (address) order by address) given
      on conflict do nothing
      returning address
    ), counted as (
      insert into suppression_usage as u (organization_id, suppressions) select ${organizationId}, count(*) from added
      on conflict (organization_id) do update set suppressions = u.suppressions + excluded.suppressions
      returning suppressions
    )
    select counted.suppressions as used, q.value as "limit" from counted, quotas q where q.name = 'suppressions_of_organization'`;
  if (!row) throw new Error('The quota suppressions_of_organization is missing');
  return row;
}

/** Removes an address. @returns true when it was suppressed */
export async function removeSuppression(
  tx: Transaction,
  organizationId: string,
  address: string,
): Promise<boolean> {
  const [row] = await tx<{ removed: number }[]>`
    with removed as (
      delete from suppressions where organization_id = ${organizationId} and address = ${address} returning address
    ), counted as (
      update suppression_usage u set suppressions = u.suppressions - (select count(*) from removed)
      where u.organization_id = ${organizationId} and exists (select from removed)
    )
    select count(*)::int as removed from removed`;
  return (row?.removed ?? 0) > 0;
}

/** Suppresses addresses on the report of a mail server. @returns the number of new addresses */
export async function suppress(
  db: Database,
  {
    organizationId,
    addresses,
    reason,
    detail,
    taskId,
  }: {
    organizationId: string;
    addresses: readonly string[];
    reason: SuppressionReason;
    detail: string | null;
    taskId: string | null;
  },
): Promise<number> {
  const [row] = await db<{ added: number }[]>`
    select suppress(${organizationId}, ${addresses as string[]}::text[], ${reason}, ${detail}, ${taskId}::uuid) as added`;
  return row?.added ?? 0;
}

/** Suppresses the address of a link for unsubscribing. @returns false when the signature is not valid */
export async function unsubscribe(
  db: Database,
  { organizationId, address, signature }: { organizationId: string; address: string; signature: Buffer },
): Promise<boolean> {
  const [row] = await db<
    { done: boolean }[]
  >`select unsubscribe(${organizationId}, ${address}, ${signature}) as done`;
  return row?.done ?? false;
}

/** Returns the key with which the organization's links for unsubscribing are signed. It is made at the first call. */
export async function unsubscribeKey(db: Database, organizationId: string): Promise<Buffer> {
  const [row] = await db<{ key: Buffer }[]>`
    with made as (
      insert into mail_keys (organization_id) values (${organizationId}) on conflict do nothing returning key
    )
    select key from made union all select key from mail_keys where organization_id = ${organizationId} limit 1`;
  if (row) return row.key;
  // Another worker made it at this moment.
  return unsubscribeKey(db, organizationId);
}
