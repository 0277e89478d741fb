import type { Database } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/** What a worker can take on right now. */
export type Room = {
  /**
   * The kinds that it knows. Payloads with one of the members `isolatedWith` need a runner, null stands for every payload
   * of the kind.
   */
  kinds: readonly { kind: string; hardSeconds: number; isolatedWith: readonly string[] | null }[];
  /** Isolated attempts that could begin. */
  runners: number;
  /** Attempts that only wait for the network that could begin. */
  waiting: number;
  /** No attempt may begin that could last longer. */
  seconds: number;
};

/** What a task that is not claimed lacks in the worker. */
export type Lack = 'runner' | 'waiting' | 'time';

/** The task's kind as a worker knows it: `k`, to be joined to the tasks `t`. */
export const KNOWN = (db: Database, { kinds }: Room) => db`
  jsonb_to_recordset(${JSON.stringify(kinds)}::jsonb) as k(kind text, "hardSeconds" float8, "isolatedWith" text[])`;

/**
 * What a task `t` of kind `k` lacks, or null.
 *
 * @param startable whether `t` would be started now: it then counts among those that need a runner, or a place to wait
 */
export const LACK = (db: Database, { runners, waiting, seconds }: Room, startable: Fragment) => {
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
