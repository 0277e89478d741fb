import * as z from 'zod';
import { JsonText } from '../../exact-json/json-text.ts';
import { type FieldError, invalidFields, invalidRequest, Refusal } from '../../refusal.ts';
import { withArtifactIds } from '../artifacts/artifact-id.ts';
import { type Kind, secondsOf } from '../define-task.ts';
import { KIND_NAMES, type KindName, kindOf } from '../kinds/registry.ts';
import type { TaskRequest } from '../new-task.ts';

import type { Queue, RetryPolicy } from '../task.ts';
import { dependencyPointer, isLocal } from './local-names.ts';
import {
  dependenciesOf,
  type dependsOn,
  dependsOnInRequest,
  type Fields,
  ref,
  TaskFields,
  withItsRules,
} from './task-fields.ts';

/**
 * The payload schema of each kind, at the payload's place in the body. Made once, because making a schema costs more than
 * checking a payload.
 */
const PAYLOADS = Object.fromEntries(
  KIND_NAMES.map((name) => [name, z.object({ payload: kindOf(name).payload })]),
) as unknown as Record<KindName, z.ZodObject>;

export type RequestOptions = {
  /** The payload's text as the caller wrote it. Default: the text as we would write it. */
  payload?: JsonText | undefined;
  /** Name of the task among the tasks of its request. */
  ref?: string | undefined;
};

/**
 * Returns what to write for a valid body.
 *
 * @throws Refusal `invalid_request` when the payload does not fit the kind's schema; pointers begin with `/payload`
 */
export function taskRequest(
  body: Fields & { depends_on?: z.output<typeof dependsOn> },
  queue: Queue,
  { payload = JsonText.of(body.payload), ref = undefined }: RequestOptions = {},
): TaskRequest {
  const kind = kindOf(body.kind);
  const fault = payload.digitsFault(kind.verbatim);
  if (fault) throw invalidFields([{ in: 'body', pointer: `/payload${fault.pointer}`, detail: fault.detail }]);
  const given = { payload: payload.valueWith(kind.verbatim, body.payload) };
  const { parsed: read, artifactIds } = withArtifactIds(() => PAYLOADS[body.kind].safeParse(given));
  if (!read.success) throw invalidRequest('body', read.error);
  const sender = kind.sender && senderIn(read.data.payload, kind.sender);
  const { retry } = body;
  const limits = body.limits ?? limitsOfPayload(kind, body.payload);
  return {
    kind: body.kind,
    name: body.name,
    description: body.description,
    // Keep the caller's text. The worker parses the payload again with the schema that is current then.
    payload,
    queue,
    scheduledTime: body.scheduled_time ?? null,
    maxRetries: body.max_retries ?? kind.retry.maxRetries,
    retryPolicy: retry ? retryPolicy(retry) : null,
    softSeconds: limits?.soft_seconds ?? null,
    hardSeconds: limits?.hard_seconds ?? null,
    uniqueKey: body.unique_key ?? null,
    concurrencyKey: body.concurrency_key ?? null,
    concurrencyLimit: body.concurrency_key === undefined ? null : (body.concurrency_limit ?? 1),
    waitsForNetwork: kind.waits === 'network',
    ...dependenciesOf(body.depends_on),
    ...(artifactIds.length > 0 && { artifactIds }),
    onFailure: body.on_failure,
    ref: ref ?? null,
    ...(sender && { sender }),
  };
}

/** Returns the address in a member of a payload that fits its schema. */
function senderIn(payload: unknown, member: string): string | undefined {
  const { [member]: given } = payload as Record<string, string | { address: string } | undefined>;
  return typeof given === 'object' ? given.address : given;
}

/** Returns the limits that a kind has for a payload with a certain member; undefined for the kind's usual limits. */
function limitsOfPayload({ limitsWith }: Pick<Kind, 'limitsWith'>, payload: unknown): Fields['limits'] {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const [, own] = Object.entries(limitsWith).find(([member]) => Object.hasOwn(payload, member)) ?? [];
  return own && { soft_seconds: secondsOf(own.soft), hard_seconds: secondsOf(own.hard) };
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

/** Schema of a batch's task, without its payload. */
export const BatchedTask = withItsRules(TaskFields.extend({ depends_on: dependsOnInRequest, ref }));

/**
 * Returns a task of a batch as it is to be written, or every rule that it breaks. Pointers begin at the task.
 *
 * @param payload as the caller wrote it
 */
export function readTask(
  item: unknown,
  queue: Queue,
  payload?: JsonText,
): TaskRequest | { errors: readonly FieldError[] } {
  const fields = BatchedTask.safeParse(item);
  if (!fields.success) return { errors: invalidRequest('body', fields.error).fields };
  try {
    return taskRequest(fields.data, queue, { payload, ref: fields.data.ref });
  } catch (thrown) {
    if (thrown instanceof Refusal) return { errors: thrown.fields };
    throw thrown;
  }
}

const NO_LOCAL_NAMES = 'Lines of an import cannot refer to each other';

/**
 * Returns the task of an import's line as `readTask` does. Lines cannot refer to each other: tasks are written before all lines are
 * read again, and an import that died goes on in the middle.
 */
export function readImportedTask(
  ...[item, queue, payload]: Parameters<typeof readTask>
): ReturnType<typeof readTask> {
  const task = readTask(item, queue, payload);
  if ('errors' in task) return task;
  const pointers = (task.dependsOn ?? []).flatMap((other, at) =>
    isLocal(other) ? dependencyPointer(task, at) : [],
  );
  if (task.ref !== null) pointers.push('/ref');
  if (pointers.length === 0) return task;
  return { errors: pointers.map((pointer) => ({ in: 'body', pointer, detail: NO_LOCAL_NAMES })) };
}
