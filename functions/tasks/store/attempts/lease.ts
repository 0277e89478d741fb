import type { Database } from '../../../database/connect.ts';
import { fromStatuses, idIsAnySql } from '../fragments/columns.ts';

/** Renews the leases of running attempts. Attempts that this worker no longer has are absent from the result. */
export async function renew(
  db: Database,
  running: readonly { id: string; attempt: number }[],
  leaseSeconds: number,
): Promise<{ id: string; attempt: number; cancelRequested: boolean }[]> {
  const asked = idIsAnySql(
    db,
    running.map(({ id }) => id),
  );
  return db<{ id: string; attempt: number; cancelRequested: boolean }[]>`
    with mine as (
      select t.id from tasks t
      join jsonb_to_recordset(${JSON.stringify(running)}::jsonb) as r(id uuid, attempt integer)
        on t.id = r.id and t.attempt = r.attempt
      where ${asked} and t.status = any (${fromStatuses('complete')}::text[])
      order by t.id
      for update of t
    )
    update tasks t set lease_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
    from mine where ${asked} and t.id = mine.id
    returning t.id, t.attempt, t.cancel_requested_at is not null as "cancelRequested"`;
}
