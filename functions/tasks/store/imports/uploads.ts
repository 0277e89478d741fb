import type { Database, Transaction } from '../../../database/connect.ts';

/** Uploads of one organization: open addresses, and objects that no import has used up. */
export const MAX_UPLOADS = 50;

/** Bytes of all of them: ten of the largest. */
export const MAX_STORED_BYTES = 5_368_709_120;

/** After which an upload that nobody has imported is removed. */
const KEPT = '1 day';

/** After the end of its address, an upload may still be under way for so long. */
const UNDER_WAY = '15 minutes';

/** Why there is no address. */
export type UploadRefusal = 'too_many_uploads' | 'uploads_too_large';

/**
 * Writes down an upload whose address is to be given out. One with the same id is the same upload, with a new address.
 * Takes turns with others of the organization, so that two at once cannot exceed a limit.
 *
 * @returns why it was not written
 */
export async function addUpload(
  tx: Transaction,
  upload: { id: string; organizationId: string; bytes: number; openSeconds: number },
): Promise<UploadRefusal | null> {
  const { id, organizationId, bytes, openSeconds } = upload;
  await tx`select pg_advisory_xact_lock(hashtextextended(${`uploads ${organizationId}`}, 0))`;
  const [row] = await tx<{ refusal: UploadRefusal | null }[]>`
    with held as (
      select count(*) as uploads, coalesce(sum(bytes), 0) as bytes from uploads
      where organization_id = ${organizationId} and id <> ${id}
    ), judged as (
      select case
        when uploads >= ${MAX_UPLOADS} then 'too_many_uploads'
        when bytes + ${bytes}::bigint > ${MAX_STORED_BYTES} then 'uploads_too_large'
      end as refusal from held
    ), made as (
      insert into uploads (id, organization_id, bytes, open_until)
      select ${id}, ${organizationId}, ${bytes}, clock_timestamp() + ${openSeconds} * interval '1 second'
      from judged where refusal is null
      on conflict (id) do update set open_until = excluded.open_until
    )
    select refusal from judged`;
  if (!row) throw new Error('An upload was neither written nor refused');
  return row.refusal;
}

/** An upload that is to be looked at: past the time of its address, or of its life. */
export type OverdueUpload = { id: string; organizationId: string; isOld: boolean };

/** At most `limit` of each kind. */
export async function overdueUploads(db: Database, limit: number): Promise<OverdueUpload[]> {
  return db<OverdueUpload[]>`
    (
      select id, organization_id as "organizationId", true as "isOld" from uploads
      where created_at < (select clock_timestamp()) - ${KEPT}::interval
      order by created_at limit ${limit}
    )
    union all
    (
      select id, organization_id, false from uploads
      where not stored and open_until < (select clock_timestamp()) - ${UNDER_WAY}::interval
        and created_at >= (select clock_timestamp()) - ${KEPT}::interval
      order by open_until limit ${limit}
    )`;
}

/** Notes that the objects of uploads are there. */
export async function markStored(db: Database, ids: readonly string[]): Promise<void> {
  await db`update uploads set stored = true where id = any (${ids as string[]}::uuid[])`;
}

/** Forgets uploads whose objects are gone. */
export async function forgetUploads(db: Database, ids: readonly string[]): Promise<void> {
  await db`delete from uploads where id = any (${ids as string[]}::uuid[])`;
}
