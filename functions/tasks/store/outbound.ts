import type { Database } from '../../database/connect.ts';

/** Permission of an organization to send a request to a host now. */
export type OutboundTurn =
  | { kind: 'go'; afterSeconds: number }
  /** The turn would come too late, so none was taken. */
  | { kind: 'busy'; afterSeconds: number }
  /** An operator has stopped the host, or a domain above it. */
  | { kind: 'stopped'; host: string };

/**
 * Takes the next turn of an organization to send a request to a host. All workers share one count in one row (the generic cell
 * rate algorithm): a number of requests a second, and a number at once after a pause.
 *
 * @param host in lower case, as in a URL
 * @param longestSeconds a turn that is further away is not taken
 */
export async function takeOutboundTurn(
  db: Database,
  { organizationId, host, longestSeconds }: { organizationId: string; host: string; longestSeconds: number },
): Promise<OutboundTurn> {
  const [row] = await db<{ stopped: string | null; taken: boolean; after: number }[]>`
    with stopped as materialized (
      select s.host from stopped_hosts s
      where s.host = any (
        select substring(${host}::text from n) from generate_series(1, length(${host}::text)) n
        where n = 1 or substr(${host}::text, n - 1, 1) = '.'
      )
      limit 1
    ), rule as materialized (
      select interval '1 second' / per_second.value as gap, (at_once.value - 1) * interval '1 second' / per_second.value as slack,
        clock_timestamp() as now
      from quotas per_second, quotas at_once
      where per_second.name = 'requests_per_second' and at_once.name = 'requests_at_once'
    ), turn as (
      insert into outbound_turns as o (organization_id, host, next_at)
      select ${organizationId}::uuid, ${host}, rule.now + rule.gap from rule where not exists (select from stopped)
      on conflict (organization_id, host) do update
      set next_at = greatest(o.next_at, clock_timestamp()) + (select gap from rule)
      where o.next_at - (select slack from rule) <= clock_timestamp() + ${longestSeconds} * interval '1 second'
      returning o.next_at
    )
    select (select s.host from stopped s) as stopped, turn.next_at is not null as taken,
      coalesce(extract(epoch from turn.next_at - rule.gap - rule.slack - clock_timestamp()), ${longestSeconds})::float8 as after
    from rule left join turn on true`;
  if (!row) throw new Error('The quotas of outbound requests are missing');
  if (row.stopped !== null) return { kind: 'stopped', host: row.stopped };
  return { kind: row.taken ? 'go' : 'busy', afterSeconds: Math.max(0, row.after) };
}

/** Removes past turns, at most `limit`. @returns the number of removed turns */
export async function removeOutboundTurns(db: Database, limit: number): Promise<number> {
  const { count } = await db`
    delete from outbound_turns o using (
      select organization_id, host from outbound_turns where next_at < clock_timestamp() - interval '1 minute'
      order by next_at limit ${limit}
    ) over
    where o.organization_id = over.organization_id and o.host = over.host
      and o.next_at < clock_timestamp() - interval '1 minute'`;
  return count;
}

/** Stops requests to a host and to all hosts below it. Running requests end by themselves, within about a minute. */
export async function stopHost(db: Database, host: string, reason: string): Promise<void> {
  await db`
    insert into stopped_hosts (host, reason) values (${host}, ${reason})
    on conflict (host) do update set reason = excluded.reason`;
}

/** @returns true when the host was stopped */
export async function resumeHost(db: Database, host: string): Promise<boolean> {
  const { count } = await db`delete from stopped_hosts where host = ${host}`;
  return count > 0;
}

/** Returns the stopped hosts, ordered by name. */
export async function stoppedHosts(
  db: Database,
): Promise<{ host: string; reason: string; stoppedAt: Date }[]> {
  return db`select host, reason, stopped_at as "stoppedAt" from stopped_hosts order by host`;
}
