import type { Database } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/** Free capacity of a worker. */
export type WorkerCapacity = {
  /**
   * The kinds that the worker knows. Payloads with one of the members in `isolatedWith` need a runner. Null means that every
   * payload of the kind does.
   */
  kinds: readonly { kind: string; hardSeconds: number; isolatedWith: readonly string[] | null }[];
  /** Number of isolated attempts that can start. */
  runners: number;
  /** Number of attempts that can start among those that only wait for the network. */
  networkPlaces: number;
  /** Longest hard limit of an attempt that may start. */
  seconds: number;
};

/** The capacity that a worker lacks for a task. */
export type MissingCapacity = 'runner' | 'waiting' | 'time';

/** The kinds that the worker knows, as the relation `k`. Join it to the tasks `t`. */
export const knownKindsSql = (db: Database, { kinds }: WorkerCapacity) => db`
  jsonb_to_recordset(${JSON.stringify(kinds)}::jsonb) as k(kind text, "hardSeconds" float8, "isolatedWith" text[])`;

/**
 * The capacity that the worker lacks for a task `t` of kind `k`; null when it has enough.
 *
 * @param startable condition: `t` can start now. It then counts among the tasks that need a runner, or a network place
 */
export const missingCapacitySql = (
  db: Database,
  { runners, networkPlaces: waiting, seconds }: WorkerCapacity,
  startable: Fragment,
) => {
  const fits = db`coalesce(t.hard_seconds, k."hardSeconds", 0) <= ${seconds}`;
  const isolated = db`k.kind is not null and (k."isolatedWith" is null or t.payload ?| k."isolatedWith")`;
  return db`case
    when not ${fits} then 'time'
    when ${isolated} and ${runners} <
      count(*) filter (where ${fits} and ${startable} and ${isolated}) over (order by t.id) then 'runner'
    when t.waits_for_network and ${waiting} <
      count(*) filter (where ${fits} and ${startable} and t.waits_for_network) over (order by t.id) then 'waiting'
    end`;
};
