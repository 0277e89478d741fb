import type { Database } from '../../../database/connect.ts';

/* The removal of artifacts, for the dispatcher: first the mark, then the object, then the row. */

/** Time after `open_until` for which a PUT may still be under way. */
const UNDER_WAY = '15 minutes';

/** An artifact whose object can be removed for good: no address can write it again. */
export type RemovableArtifact = { id: string; organizationId: string | null };

/**
 * Marks artifacts as deleted whose upload never came, that have expired, or whose organization is deleted; at most `limit` of each
 * sort.
 */
export async function markOverdueArtifacts(db: Database, limit: number): Promise<void> {
  await db`
    with unfinished as (
      select id from artifacts where status = 'pending' and open_until < (select clock_timestamp()) - ${UNDER_WAY}::interval
      order by open_until limit ${limit} for no key update skip locked
    ), expired as (
      select id from artifacts where status = 'ready' and expires_at < (select clock_timestamp())
      order by expires_at limit ${limit} for no key update skip locked
    ), orphaned as (
      select id from artifacts where status = 'ready' and organization_id is null
      order by open_until limit ${limit} for no key update skip locked
    )
    update artifacts a set status = 'deleted'
    where a.id = any (array(
      select id from unfinished union select id from expired union select id from orphaned
    )) and a.status <> 'deleted'`;
}

/** Returns deleted artifacts that no address can write any more, the oldest first. */
export async function removableArtifacts(db: Database, limit: number): Promise<RemovableArtifact[]> {
  return db<RemovableArtifact[]>`
    select id, organization_id as "organizationId" from artifacts
    where status = 'deleted' and open_until < (select clock_timestamp()) - ${UNDER_WAY}::interval
    order by open_until
    limit ${limit}`;
}

/** Removes the rows of artifacts of one organization whose objects are gone, and what they count. */
export async function forgetArtifacts(
  db: Database,
  organizationId: string | null,
  ids: readonly string[],
): Promise<void> {
  await db`
    with gone as (
      delete from artifacts where id = any (${ids as string[]}::uuid[]) and status = 'deleted'
      returning bytes
    )
    update artifact_usage u
    set artifacts = u.artifacts - (select count(*) from gone), bytes = u.bytes - (select coalesce(sum(bytes), 0) from gone)
    where u.organization_id = ${organizationId}`;
}
