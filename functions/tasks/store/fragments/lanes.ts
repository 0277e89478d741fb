import type { Database, Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/** A row, and whether its organization limits how many tasks run at once. */
export type Capped<T> = T & { capped: boolean };

/*
 * Pauses and limits are looked up by the organization of each task. A join with a list of all pauses and limits would make each
 * statement read the rows of all organizations.
 */

/** The paused lane that a task `t` is in, or null. */
export const pausedLaneSql = (db: Database | Transaction) => db`(
  select p.scope || ':' || p.name from pauses p
  where p.organization_id = t.organization_id
    and (p.scope, p.name) in (('kind', t.kind), ('queue', t.queue))
  order by p.scope
  limit 1
)`;

/** Condition: the organization of task `t` limits how many of its tasks run at once. */
export const isCappedSql = (db: Database | Transaction) =>
  db`(select o.max_running is not null from organizations o where o.id = t.organization_id)`;

export const boundedLaneSql = (db: Database | Transaction) =>
  db`case when ${isCappedSql(db)} then 'organization' end`;

/** A lane in which a task `t` must wait for a place, or null, as for most tasks. */
export const laneSql = (db: Database | Transaction) =>
  db`coalesce(${pausedLaneSql(db)}, 'key:' || t.concurrency_key, case when t.waits_for_network then 'network:' end, ${boundedLaneSql(db)})`;

/** Number of taken places of a key: tasks that run, and tasks that have a place but are held in a later lane. */
export const usedKeyPlacesSql = (db: Database | Transaction, organizationId: Fragment, key: Fragment) => db`(
  (select count(*) from tasks r
    where r.organization_id = ${organizationId} and r.concurrency_key = ${key} and r.status = 'RUNNING')
  + (select count(*) from tasks t
    where t.organization_id = ${organizationId} and t.concurrency_key = ${key} and t.held_by = 'organization'
      and ${pausedLaneSql(db)} is null)
  + (select count(*) from tasks t
    where t.organization_id = ${organizationId} and t.concurrency_key = ${key} and t.held_by like 'network:%'
      and ${pausedLaneSql(db)} is null)
)`;
