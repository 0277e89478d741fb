import type { Transaction } from '../../../database/connect.ts';
import type { WaitingContext } from '../../waiting-reason.ts';
import { pausedLaneSql } from '../fragments/lanes.ts';
import { quotaSql } from '../fragments/network-places.ts';

/** Returns the facts that explain why a task waits, as far as the transaction's principal may see them. */
export async function waitingContext(tx: Transaction, id: string): Promise<WaitingContext | undefined> {
  const [row] = await tx<(Omit<WaitingContext, 'pause' | 'waitsFor'> & Row)[]>`
    select clock_timestamp() as now,
      case when t.status = 'PENDING' then (
        select jsonb_agg(jsonb_build_object('id', p.id, 'status', p.status) order by p.id)
        from task_dependencies d join tasks p on p.id = d.depends_on where d.task_id = t.id) end as "waitsFor", t.held_by as "heldBy", t.dispatches,
      nullif(t.next_dispatch_at, 'infinity') as "nextDispatchAt",
      (select jsonb_build_object('scope', p.scope, 'name', p.name, 'since', p.paused_at,
          'by', (select u.username from users u where u.id = p.paused_by))
        from pauses p
        where p.organization_id = t.organization_id and p.scope || ':' || p.name = ${pausedLaneSql(tx)}) as pause,
      -- Thousands of tasks may run. They are counted only for reasons that contain their number.
      case when t.held_by like 'key:%' then (
        select count(*) from tasks r where r.organization_id = t.organization_id
          and r.concurrency_key = t.concurrency_key and r.status = 'RUNNING') else 0 end as "runningWithKey",
      case when t.held_by = 'organization' then (
        select count(*) from tasks r where r.organization_id = t.organization_id and r.status = 'RUNNING') else 0 end
        as "runningInOrganization",
      (select o.max_running from organizations o where o.id = t.organization_id) as "maxRunning",
      case when t.held_by like 'network:%' then jsonb_build_object(
        'ofOrganization', (
          select count(*) from tasks r where r.organization_id = t.organization_id and r.waits_for_network
            and (r.status = 'RUNNING' or r.held_by = 'organization')),
        -- Counts the tasks that the principal may read.
        'ofUser', (
          select count(*) from tasks r where r.created_by = t.created_by and r.waits_for_network
            and (r.status = 'RUNNING' or r.held_by = 'organization')),
        'mostOfOrganization', ${quotaSql(tx, 'running_requests_of_organization')},
        'mostOfUser', ${quotaSql(tx, 'running_requests_of_user')}
      ) end as requests
    from tasks t where t.id = ${id}`;
  return (
    row && {
      ...row,
      waitsFor: row.waitsFor ?? [],
      pause: row.pause && { ...row.pause, since: new Date(row.pause.since) },
    }
  );
}

type Row = { waitsFor: WaitingContext['waitsFor'] | null; pause: PauseRow | null };

type PauseRow = { scope: 'kind' | 'queue'; name: string; by: string | null; since: string };
