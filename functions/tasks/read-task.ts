import * as z from 'zod';
import { type FieldError, invalidRequest, Refusal } from '../refusal.ts';
import type { TaskRequest } from './create.ts';
import { KINDS, type KindName } from './kinds/index.ts';
import type { Queue, RetryPolicy } from './task.ts';
import { dependsOn, type Fields, TaskFields, withItsRules } from './task-fields.ts';

/** Each kind's payload where the body has it. Made once: a schema costs more than a payload's check. */
const PAYLOADS = Object.fromEntries(
  Object.entries(KINDS).map(([name, { payload }]) => [name, z.object({ payload })]),
) as unknown as Record<KindName, z.ZodObject>;

/**
 * What is to be written for a valid body.
 *
 * @throws Refusal `invalid_request` when the payload is not the kind's; pointers begin with `/payload`
 */
export function taskRequest(
  body: Fields,
  queue: Queue,
  awaited: readonly string[] | null = null,
): TaskRequest {
  const kind = KINDS[body.kind];
  const payload = PAYLOADS[body.kind].safeParse(body);
  if (!payload.success) throw invalidRequest('body', payload.error);
  const { retry, limits } = body;
  return {
    kind: body.kind,
    name: body.name,
    description: body.description,
    // As the caller wrote it: the worker parses it again, with the schema of its day.
    payload: body.payload,
    queue,
    scheduledTime: body.scheduled_time ?? null,
    maxRetries: body.max_retries ?? kind.retry.maxRetries,
    retryPolicy: retry ? retryPolicy(retry) : null,
    softSeconds: limits?.soft_seconds ?? null,
    hardSeconds: limits?.hard_seconds ?? null,
    uniqueKey: body.unique_key ?? null,
    concurrencyKey: body.concurrency_key ?? null,
    concurrencyLimit: body.concurrency_key === undefined ? null : (body.concurrency_limit ?? 1),
    dependsOn: awaited,
  };
}

function retryPolicy(retry: NonNullable<Fields['retry']>): Partial<RetryPolicy> {
  const { base_seconds: base, factor, cap_seconds: cap, jitter, never_retry: neverRetry } = retry;
  return {
    ...(base !== undefined && { base }),
    ...(factor !== undefined && { factor }),
    ...(cap !== undefined && { cap }),
    ...(jitter !== undefined && { jitter }),
    ...(neverRetry !== undefined && { neverRetry }),
  };
}

const ImportedTask = withItsRules(TaskFields);
const BatchedTask = withItsRules(TaskFields.extend({ depends_on: dependsOn }));

type Read = TaskRequest | { errors: readonly FieldError[] };

/** A task of an import as it is to be written, or every rule that it breaks. Pointers begin at the task. */
export const readTask = (item: unknown, queue: Queue): Read => read(ImportedTask, item, queue);

/** The same of a bulk request, whose tasks may depend on others. */
export const readBatchedTask = (item: unknown, queue: Queue): Read => read(BatchedTask, item, queue);

function read(
  schema: z.ZodType<Fields & { depends_on?: readonly string[] | undefined }>,
  item: unknown,
  queue: Queue,
): Read {
  const fields = schema.safeParse(item);
  if (!fields.success) return { errors: invalidRequest('body', fields.error).fields };
  try {
    return taskRequest(fields.data, queue, fields.data.depends_on ?? null);
  } catch (thrown) {
    if (thrown instanceof Refusal) return { errors: thrown.fields };
    throw thrown;
  }
}
