import * as z from 'zod';
import { invalidRequest } from '../../refusal.ts';
import type { TaskRequest } from '../../tasks/create.ts';
import { LONGEST_LIMIT_SECONDS } from '../../tasks/define-task.ts';
import { DEFAULT_KIND, KIND_NAMES, KINDS, type KindName } from '../../tasks/kinds/index.ts';
import { QUEUES, type Queue, type RetryPolicy, TASK_STATUSES } from '../../tasks/task.ts';
import { Id } from '../id.ts';
import { pageLimit } from '../page-limit.ts';
import { timestamp } from '../timestamp.ts';

/** A task may be scheduled this far ahead. */
const MAX_YEARS_AHEAD = 10;

/** A time at which a task may be asked to start. */
export const scheduledTime = timestamp.refine(
  (time) => Date.parse(time) < Date.now() + MAX_YEARS_AHEAD * 366 * 86_400_000,
  { error: `Must be at most ${MAX_YEARS_AHEAD} years ahead` },
);

/** `PATCH /api/tasks/<id>/` */
export const RescheduleTask = z.strictObject({ scheduled_time: scheduledTime });

const PAGE = { default: 50, max: 200 } as const;

/** Counted in code points, as Postgres does. */
export const text = (max: number) => z.string().max(max, `Must have at most ${max} characters`);

/** A name that a caller gives to something, and compares by. */
export const key = (max: number) =>
  text(max)
    .min(1)
    .refine((name) => !/\p{Cc}/u.test(name), 'Must be one line, without control characters');

const seconds = z.number().min(0.1).max(LONGEST_LIMIT_SECONDS);

const Retry = z
  .strictObject({
    base_seconds: z.number().min(0).max(86_400).optional(),
    factor: z.number().min(1).max(10).optional(),
    cap_seconds: z.number().min(0).max(86_400).optional(),
    jitter: z.enum(['full', 'none']).optional(),
    never_retry: z.array(key(100)).max(50).optional().describe('Codes of errors that fail the task at once'),
  })
  .describe(
    'What differs from the kind: the n-th retry waits min(cap, base · factor^n), with full jitter a random part of it',
  );

const Limits = z
  .strictObject({
    soft_seconds: seconds.describe('After this long the handler is asked to stop'),
    hard_seconds: seconds.describe('After this long it is stopped. At most 840'),
  })
  .refine((limits) => limits.soft_seconds < limits.hard_seconds, {
    path: ['soft_seconds'],
    error: 'Must be below hard_seconds',
  });

/** What a task may be asked to be, wherever it is created. */
export const TaskFields = z.strictObject({
  name: text(200)
    .refine((name) => name.trim() !== '', 'Must not be blank')
    .refine((name) => !/\p{Cc}/u.test(name), 'Must be one line, without control characters')
    .describe('1 to 200 characters'),
  description: text(10_000).default('').describe('At most 10,000 characters'),
  scheduled_time: scheduledTime.nullish().describe('Earliest start. Absent or past: now'),
  kind: z.enum(KIND_NAMES).default(DEFAULT_KIND),
  payload: z.looseObject({}).default({}).describe('What the kind works on'),
  max_retries: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('Retries after the first attempt; default of the kind: 3'),
  retry: Retry.optional(),
  limits: Limits.optional().describe('Default: the limits of the kind'),
  unique_key: key(200)
    .optional()
    .describe('Refused while a task of the organization with the same key has not ended'),
  concurrency_key: key(200)
    .optional()
    .describe('At most concurrency_limit tasks of the organization with the same key run at once'),
  concurrency_limit: z.int().min(1).max(10_000).optional().describe('Default: 1'),
});

type Fields = z.infer<typeof TaskFields>;

/** @param fields an object schema with a task's fields */
export const withItsRules = <T extends z.ZodType<Fields>>(fields: T) =>
  fields.refine((task) => task.concurrency_limit === undefined || task.concurrency_key !== undefined, {
    path: ['concurrency_limit'],
    error: 'Needs a concurrency_key',
  });

/** `POST /api/tasks/`: the seed's three fields work as they are. */
export const CreateTask = withItsRules(
  TaskFields.extend({
    queue: z.enum(QUEUES).default('interactive').describe('`bulk` for what may wait behind others'),
    organization: Id.optional().describe('Default: your personal organization'),
    depends_on: z
      .array(Id)
      .min(1)
      .max(20)
      .refine((ids) => new Set(ids).size === ids.length, 'Must not name a task twice')
      .optional()
      .describe(
        'Tasks of the organization that must be COMPLETED before; when one fails, this one is cancelled',
      ),
  }),
).meta({
  id: 'CreateTask',
  examples: [
    {
      name: 'Data Processing Task',
      description: 'Process some data in the background.',
      scheduled_time: '2024-11-20T10:00:00Z',
    },
  ],
});

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
  dependsOn: readonly string[] | null = null,
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
    dependsOn,
  };
}

function retryPolicy(retry: z.infer<typeof Retry>): Partial<RetryPolicy> {
  const { base_seconds: base, factor, cap_seconds: cap, jitter, never_retry: neverRetry } = retry;
  return {
    ...(base !== undefined && { base }),
    ...(factor !== undefined && { factor }),
    ...(cap !== undefined && { cap }),
    ...(jitter !== undefined && { jitter }),
    ...(neverRetry !== undefined && { neverRetry }),
  };
}

export const many = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',') : value),
    z.array(item).min(1).max(6),
  );

/** `GET /api/tasks/` */
export const ListTasks = z.strictObject({
  status: many(z.enum(TASK_STATUSES)).optional().describe('One or more, separated by commas'),
  kind: z.enum(KIND_NAMES).optional(),
  queue: z.enum(QUEUES).optional(),
  batch: Id.optional().describe('Only tasks of this batch'),
  organization: Id.optional().describe('Default: all your organizations'),
  created_by: z.literal('me').optional(),
  created_from: timestamp.optional().describe('Inclusive'),
  created_to: timestamp.optional().describe('Exclusive'),
  scheduled_from: timestamp.optional().describe('Inclusive'),
  scheduled_to: timestamp.optional().describe('Exclusive'),
  limit: pageLimit(PAGE),
  cursor: z.string().max(100).optional().describe('`next_cursor` of the page before'),
});
