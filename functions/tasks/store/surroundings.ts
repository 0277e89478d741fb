import type { Transaction } from '../../database/connect.ts';
import type { Surroundings } from '../waiting-reason.ts';
import { PAUSED } from './lanes.ts';

/** What stands around a waiting task that the transaction's principal may see. */
export async function surroundings(tx: Transaction, id: string): Promise<Surroundings | undefined> {
  const [row] = await tx<(Omit<Surroundings, 'pause'> & { pause: PauseRow | null })[]>`
    select clock_timestamp() as now, t.held_by as "heldBy", t.dispatches,
      nullif(t.next_dispatch_at, 'infinity') as "nextDispatchAt",
      (select json_build_object('scope', p.scope, 'name', p.name, 'by', u.username, 'since', p.paused_at)
        from pauses p left join users u on u.id = p.paused_by
        where p.organization_id = t.organization_id and p.scope || ':' || p.name = ${PAUSED(tx)}) as pause,
      case when t.concurrency_key is null then 0 else (
        select count(*) from tasks r where r.organization_id = t.organization_id
          and r.concurrency_key = t.concurrency_key and r.status = 'RUNNING') end as "runningWithKey",
      (select count(*) from tasks r where r.organization_id = t.organization_id and r.status = 'RUNNING')
        as "runningInOrganization",
      (select o.max_running from organizations o where o.id = t.organization_id) as "maxRunning"
    from tasks t where t.id = ${id}`;
  return row && { ...row, pause: row.pause && { ...row.pause, since: new Date(row.pause.since) } };
}

type PauseRow = { scope: 'kind' | 'queue'; name: string; by: string | null; since: string };
