import type { Database } from '../../database/connect.ts';

/** A task or batch whose retention is over. */
export type ExpiredRow = { id: string; artifactKey: string | null };

/** The turn of an organization to have its expired rows removed. */
export type RetentionTurn = { organizationId: string; retentionDays: number };

/**
 * Takes the turns of up to `limit` organizations whose last turn is at least `everySeconds` ago, the oldest first. Two concurrent
 * callers take different organizations.
 */
export async function takeTurns(db: Database, limit: number, everySeconds: number): Promise<RetentionTurn[]> {
  // `for no key update`, because `for update` would block new tasks of the organization.
  return db<RetentionTurn[]>`
    with next as (
      select o.id, o.purged_at from organizations o
      where o.purged_at < (select clock_timestamp()) - ${everySeconds} * interval '1 second'
      order by o.purged_at
      limit ${limit}
      for no key update of o skip locked
    ), taken as (
      update organizations o set purged_at = clock_timestamp()
      from next where o.id = next.id
      returning o.id, o.retention_days, next.purged_at as waits_since
    )
    select id as "organizationId", retention_days as "retentionDays" from taken order by waits_since`;
}

/**
 * Condition: a dependent still needs the task `t`. A task that did not complete is needed until its dependents are gone: without
 * it, nothing would refuse the retry of a dependent. A task that completed is needed until its dependents have ended, because they
 * read its result.
 */
const isNeededSql = (db: Database) => db`exists (
  select from task_dependencies d where d.depends_on = t.id and (t.status <> 'COMPLETED' or exists (
    select from tasks w where w.id = d.task_id and w.finished_at is null
  ))
)`;

/** Returns tasks of an organization whose retention is over, oldest first. */
export async function expiredTasks(
  db: Database,
  { organizationId, retentionDays }: RetentionTurn,
  limit: number,
): Promise<ExpiredRow[]> {
  return db<ExpiredRow[]>`
    select t.id, t.artifact ->> 'key' as "artifactKey" from tasks t
    where t.organization_id = ${organizationId} and t.finished_at < (select clock_timestamp()) - ${retentionDays} * interval '1 day'
      and not ${isNeededSql(db)}
    order by t.finished_at
    limit ${limit}`;
}

/**
 * Removes tasks that are still finished, with their attempts. Rows that another session has locked are left for the next time, and
 * so are tasks that others have begun to wait for.
 *
 * @returns the number of removed tasks
 */
export async function removeTasks(db: Database, ids: readonly string[]): Promise<number> {
  const { count } = await db`
    with given as (
      select t.id from tasks t where t.id = any (${ids as string[]}::uuid[]) and t.finished_at is not null and not t.has_dependents
      for update of t skip locked
    )
    delete from tasks t using given where t.id = given.id`;
  return count;
}

/**
 * Removes batches of an organization whose retention is over. Their tasks are removed before or afterwards.
 *
 * @returns the number of removed batches
 */
export async function removeBatches(
  db: Database,
  { organizationId, retentionDays }: RetentionTurn,
  limit: number,
): Promise<number> {
  const { count } = await db`
    delete from batches b
    where b.id in (
      select b.id from batches b
      where b.organization_id = ${organizationId}
        and b.finished_at < (select clock_timestamp()) - ${retentionDays} * interval '1 day'
      order by b.finished_at
      limit ${limit}
    )`;
  return count;
}

/** Returns the seconds since the oldest task of these organizations should have been removed; 0 when there is none. */
export async function overdueSeconds(db: Database, turns: readonly RetentionTurn[]): Promise<number> {
  const ids = turns.map(({ organizationId }) => organizationId);
  const days = turns.map(({ retentionDays }) => String(retentionDays));
  const [row] = await db<{ seconds: number }[]>`
    select coalesce(max(extract(epoch from clock_timestamp() - oldest.finished_at - given.kept)), 0)::float8 as seconds
    from (
      select id, days * interval '1 day' as kept
      from unnest(${ids}::uuid[], ${days}::text[]::integer[]) as g(id, days)
    ) given
    cross join lateral (
      select t.finished_at from tasks t
      where t.organization_id = given.id and t.finished_at < clock_timestamp() - given.kept
        and not ${isNeededSql(db)}
      order by t.finished_at
      limit 1
    ) oldest`;
  return row?.seconds ?? 0;
}

/** Returns turns for which there was no time. They come again behind the organizations that wait already, in this order. */
export async function returnTurns(
  db: Database,
  turns: readonly RetentionTurn[],
  everySeconds: number,
): Promise<void> {
  const ids = turns.map(({ organizationId }) => organizationId);
  await db`
    update organizations o
    set purged_at = clock_timestamp() - (${everySeconds} - 0.000001 * given.place) * interval '1 second'
    from unnest(${ids}::uuid[]) with ordinality as given(id, place)
    where o.id = given.id and o.id = any (${ids}::uuid[])`;
}
