import type { PendingQuery, Row } from 'postgres';
import type { Database, Transaction } from '../../../database/connect.ts';
import { MOVES } from '../../task.ts';

/** Part of a statement. */
export type Fragment = PendingQuery<Row[]>;

/** Seconds until `run_at`, by the database's clock. */
export type Timed<T> = T & { dueInSeconds: number };

/** Returns the statuses that a move may leave. */
export const fromStatuses = (move: keyof typeof MOVES): string[] => [...MOVES[move].from];

/** Which large columns are read. A column that is not read stays in TOAST, and is empty in the row. */
export type LargeColumns = { description: boolean; payload: boolean; result: boolean; errorDetails: boolean };

/** The payload as the caller wrote it. Where no other text is stored, jsonb's text equals it. */
const payloadSql = (db: Database | Transaction) => db`coalesce(t.exact_payload, t.payload::json)`;

/** The large columns, one by one. The choices are parameters, so that every choice is one statement with one plan. */
const chosenColumnsSql = (
  db: Database | Transaction,
  { description, payload, result, errorDetails }: LargeColumns,
) => db`
  case when ${description}::boolean then t.description else '' end as description,
  case when ${payload}::boolean then ${payloadSql(db)} end as payload,
  case when ${result}::boolean then t.result end as result,
  case when ${errorDetails}::boolean or t.error is null then t.error
    else jsonb_build_object('code', t.error->'code', 'message', t.error->'message') end as error`;

/**
 * The columns of a `Task`, from the relation `t`.
 *
 * @param large which of the large columns; false for the columns of frames: result and error, but not payload and description
 */
export const taskColumnsSql = (db: Database | Transaction, large: boolean | LargeColumns = true) => db`
  t.id, t.organization_id as "organizationId", t.created_by as "createdBy", t.batch_id as "batchId", t.kind, t.name,
  ${largeColumnsSql(db, large)}, t.queue, t.status, t.scheduled_time as "scheduledTime", t.run_at as "runAt",
  t.max_retries as "maxRetries", t.retry_policy as "retryPolicy", t.soft_seconds as "softSeconds",
  t.hard_seconds as "hardSeconds", t.unique_key as "uniqueKey", t.concurrency_key as "concurrencyKey",
  t.concurrency_limit as "concurrencyLimit", t.waits_for_network as "waitsForNetwork", t.on_failure as "onFailure", t.inputs,
  t.ref, t.attempt, t.attempt_limit as "attemptLimit", t.cause, t.crashes,
  t.started_at as "startedAt", t.finished_at as "finishedAt", t.cancel_requested_at as "cancelRequestedAt", t.progress,
  t.artifact, t.has_dependents as "hasDependents", t.seq,
  t.created_at as "createdAt", t.updated_at as "updatedAt"`;

const largeColumnsSql = (db: Database | Transaction, large: boolean | LargeColumns) => {
  if (typeof large === 'object') return chosenColumnsSql(db, large);
  return large
    ? db`t.description, ${payloadSql(db)} as payload, t.result, t.error`
    : db`'' as description, null::json as payload, t.result, t.error`;
};

export const dueInSecondsSql = (db: Database | Transaction) =>
  db`extract(epoch from t.run_at - clock_timestamp())::float8 as "dueInSeconds"`;

/**
 * Condition: a task `t` is one of these. Repeat it beside every join with a known set of tasks. Otherwise a plan that Postgres
 * made and kept while the table was small would read the whole table. For that reason the statuses beside it are a parameter too:
 * a plan for a literal status may use the partial index of that status, and so read all running tasks.
 */
export const idIsAnySql = (db: Database | Transaction, ids: readonly string[]) =>
  db`t.id = any (${ids as string[]}::uuid[])`;

/**
 * When the dispatcher must next look at a task that is due at `runAt`: later, if its message is sent at once; else in time to
 * send the message.
 */
export const nextDispatchSql = (
  db: Database | Transaction,
  runAt: Fragment,
  { lookaheadSeconds, resendSeconds }: { lookaheadSeconds: number; resendSeconds: number },
) => db`case when ${runAt} <= clock_timestamp() + ${lookaheadSeconds} * interval '1 second'
  then ${runAt} + ${resendSeconds} * interval '1 second'
  else ${runAt} - ${lookaheadSeconds} * interval '1 second' end`;
