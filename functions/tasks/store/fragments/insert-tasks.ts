import type { Database, Transaction } from '../../../database/connect.ts';
import { JsonText } from '../../../exact-json/json-text.ts';
import type { NewTask } from '../../new-task.ts';
import { type DispatchSettings, TERMINAL } from '../../task.ts';
import { nextDispatchSql } from './columns.ts';

/** Writes tasks into the organization in the relation `home`. */
export const insertTasksSql = (
  db: Database | Transaction,
  {
    createdBy,
    tasks,
    batchId,
    dispatch,
  }: {
    createdBy: string | null;
    tasks: readonly NewTask[];
    batchId: string | null;
    dispatch: DispatchSettings;
  },
) => db`
  insert into tasks as t (id, organization_id, created_by, batch_id, kind, name, description, payload, exact_payload, queue, status,
    scheduled_time, run_at, next_dispatch_at, max_retries, attempt_limit, retry_policy, soft_seconds, hard_seconds,
    unique_key, concurrency_key, concurrency_limit, waits_for_network, on_failure, inputs, ref, has_dependents)
  select g.id, home.organization_id, ${createdBy}::uuid, ${batchId}::uuid, g.kind, g.name, g.description, g.payload,
    case when g.written <> g.payload::text then g.written::json end, g.queue,
    case when g.waits then 'PENDING' else 'SCHEDULED' end, coalesce(g.scheduled_time, now()), g.run_at,
    case when not g.waits then ${nextDispatchSql(db, db`g.run_at`, dispatch)} end,
    g.max_retries, g.max_retries + 1, nullif(g.rare -> 'retryPolicy', 'null'), (g.rare ->> 'softSeconds')::float8,
    (g.rare ->> 'hardSeconds')::float8, g.rare ->> 'uniqueKey', g.rare ->> 'concurrencyKey',
    (g.rare ->> 'concurrencyLimit')::integer, g.kind = any (${waitingKinds(tasks)}::text[]),
    coalesce(g.rare ->> 'onFailure', 'cancel'), nullif(g.rare -> 'inputs', 'null'), g.rare ->> 'ref',
    coalesce((g.rare ->> 'isAwaited')::boolean, false)
  from (
    select n.*, greatest(n.scheduled_time, now()) as run_at, ${waitsForOthersSql(db, tasks)} as waits
    from (
      select u.id, u.kind, u.name, u.description, u.payload::jsonb, u.payload as written, u.queue, u.retries::integer as max_retries,
        nullif(u.time, '')::timestamptz as scheduled_time, nullif(u.rare, '')::jsonb as rare
      from unnest(${tasks.map(({ id }) => id)}::uuid[], ${tasks.map(({ kind }) => kind)}::text[],
        ${tasks.map(({ name }) => name)}::text[], ${tasks.map(({ description }) => description)}::text[],
        ${tasks.map(({ payload }) => JsonText.of(payload).text)}::text[], ${tasks.map(({ queue }) => queue)}::text[],
        ${tasks.map(({ scheduledTime }) => scheduledTime ?? '')}::text[],
        ${tasks.map(({ maxRetries }) => String(maxRetries))}::text[], ${raresOf(tasks)}::text[])
        as u(id, kind, name, description, payload, queue, time, retries, rare)
    ) n
  ) g cross join home`;

/** Returns the kinds among these tasks that wait for the network. */
const waitingKinds = (tasks: readonly NewTask[]): string[] => [
  ...new Set(tasks.flatMap(({ kind, waitsForNetwork }) => (waitsForNetwork ? kind : []))),
];

/**
 * Condition: a task waits for dependencies that are not completed, or, with `on_failure` `run`, have not ended. Left out when no
 * task has dependencies: Postgres takes the condition for costly, and would plan each insertion anew instead of keeping a plan.
 */
const waitsForOthersSql = (db: Database | Transaction, tasks: readonly NewTask[]) =>
  tasks.some(({ dependsOn }) => dependsOn)
    ? db`n.rare is not null and (coalesce((n.rare ->> 'awaitsNew')::boolean, false) or exists (
        select from jsonb_array_elements_text(coalesce(nullif(n.rare -> 'awaitsOld', 'null'), '[]')) as d(id)
        -- One look-up by id for each. A join could begin with all tasks that the principal may read.
        where (select p.status from tasks p where p.id = d.id::uuid)
          <> all (case when n.rare ->> 'onFailure' = 'run' then ${[...TERMINAL]}::text[] else ${['COMPLETED']}::text[] end)
      ))`
    : db`false`;

/**
 * Returns the fields that few tasks have, as JSON; empty for a task without any. Separate columns cost half a second for ten
 * thousand tasks.
 */
function raresOf(tasks: readonly NewTask[]): string[] {
  const awaited = new Set(tasks.flatMap(({ dependsOn }) => dependsOn ?? []));
  const ids = new Set(awaited.size === 0 ? [] : tasks.map(({ id }) => id));
  return tasks.map(({ id, dependsOn, ...task }) => {
    const old = dependsOn?.filter((other) => !ids.has(other));
    const {
      retryPolicy,
      softSeconds,
      hardSeconds,
      uniqueKey,
      concurrencyKey,
      concurrencyLimit,
      inputs,
      ref,
    } = task;
    const rare = {
      ...{ retryPolicy, softSeconds, hardSeconds, uniqueKey, concurrencyKey, concurrencyLimit, inputs, ref },
      onFailure: task.onFailure === 'cancel' ? null : task.onFailure,
      isAwaited: awaited.has(id) || null,
      /** Dependencies that are written by the same statement have certainly not ended. */
      awaitsNew: (dependsOn && dependsOn.length > (old?.length ?? 0)) || null,
      awaitsOld: old && old.length > 0 ? old : null,
    };
    return Object.values(rare).every((value) => value === null) ? '' : JSON.stringify(rare);
  });
}
