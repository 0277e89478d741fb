import type { Database, Transaction } from '../../../database/connect.ts';

/** Upper bound of the uploads of one organization: open addresses, and objects that no import has consumed. */
export const MAX_UPLOADS = 50;

/** Upper bound of the bytes of these uploads: ten of the largest. */
export const MAX_STORED_BYTES = 5_368_709_120;

/** Time after which an upload that was not imported is removed. */
const KEPT = '1 day';

/** Time for which an upload may still be under way after its address has expired. */
const UNDER_WAY = '15 minutes';

/** Reason for which no address is given. */
export type UploadRefusal = 'too_many_uploads' | 'uploads_too_large';

/**
 * Records an upload before its address is given out. A second call with the id is the same upload with a new address. Calls for
 * one organization take turns, so that two at once cannot exceed a limit.
 *
 * @returns the reason for which the upload was not recorded; null when it was
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
  if (!row) throw new Error('The statement that writes an upload returned no row');
  return row.refusal;
}

/** An upload to check: its address has expired, or it is too old. */
export type OverdueUpload = { id: string; organizationId: string; isOld: boolean };

/** Returns at most `limit` uploads of each of the two sorts. */
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

/** Records that the objects of uploads exist. */
export async function markStored(db: Database, ids: readonly string[]): Promise<void> {
  await db`update uploads set stored = true where id = any (${ids as string[]}::uuid[])`;
}

/** Deletes the records of uploads whose objects are gone. */
export async function forgetUploads(db: Database, ids: readonly string[]): Promise<void> {
  await db`delete from uploads where id = any (${ids as string[]}::uuid[])`;
}
