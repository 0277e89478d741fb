import * as z from 'zod';
import { JSON_NAME } from '../../json-schema.ts';
import { Id, key, name, text } from '../../text-rules.ts';
import { timestampWithin } from '../../timestamp.ts';
import { LONGEST_LIMIT_SECONDS } from '../define-task.ts';
import { DEFAULT_KIND, KIND_NAMES } from '../kinds/registry.ts';
import { ON_FAILURE } from '../task.ts';

/** Schema of the time before which a task must not start. */
export const scheduledTime = timestampWithin(10);

const seconds = z.number().min(0.1).max(LONGEST_LIMIT_SECONDS);

const Retry = z
  .strictObject({
    base_seconds: z.number().min(0).max(86_400).optional(),
    factor: z.number().min(1).max(10).optional(),
    cap_seconds: z.number().min(0).max(86_400).optional(),
    jitter: z.enum(['full', 'none']).optional(),
    never_retry: z
      .array(key(100))
      .max(50)
      .optional()
      .describe('Error codes that fail the task without a retry'),
  })
  .describe(
    'Overrides the retry policy of the kind. The n-th retry waits min(cap, base · factor^n) seconds; with full jitter, a random part of that. ' +
      'Retries of http.request wait at least 1, 2, 4, 8, 16 and then 30 seconds, even with base_seconds 0',
  );

const Limits = z
  .strictObject({
    soft_seconds: seconds.describe('Seconds after which the handler is asked to stop'),
    hard_seconds: seconds.describe('Seconds after which the handler is stopped. At most 840'),
  })
  .refine((limits) => limits.soft_seconds < limits.hard_seconds, {
    path: ['soft_seconds'],
    error: 'Must be below hard_seconds',
  });

/** Fields of a task, wherever it is created. */
export const TaskFields = z.strictObject({
  name: name(200).describe('1 to 200 characters in one line, without invisible characters'),
  description: text(10_000).default('').describe('At most 10,000 characters'),
  scheduled_time: scheduledTime.nullish().describe('Earliest start. Absent or past: now'),
  kind: z.enum(KIND_NAMES).default(DEFAULT_KIND),
  payload: z
    .looseObject({})
    .meta({ propertyNames: JSON_NAME, additionalProperties: { $ref: '#/components/schemas/JsonValue' } })
    .default({})
    .describe('Input of the task. Its schema depends on the kind'),
  max_retries: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('Retries after the first attempt. Default: that of the kind, usually 3'),
  retry: Retry.optional(),
  limits: Limits.optional().describe('Default: the limits of the kind'),
  unique_key: key(200)
    .optional()
    .describe('The request is refused while the organization has an unfinished task with the same key'),
  concurrency_key: key(200)
    .optional()
    .describe('At most `concurrency_limit` tasks with this key run at once in the organization'),
  concurrency_limit: z.int().min(1).max(10_000).optional().describe('Default: 1'),
  on_failure: z
    .enum(ON_FAILURE)
    .default('cancel')
    .describe(
      'When a task in `depends_on` fails or is cancelled: `cancel` cancels this task; `run` runs it as soon as all of them have ended',
    ),
});

/** Valid fields. The payload is not yet checked against its kind. */
export type Fields = z.infer<typeof TaskFields>;

/** @param fields an object schema with a task's fields */
export const withItsRules = <T extends z.ZodType<Fields>>(fields: T) =>
  fields.refine((task) => task.concurrency_limit === undefined || task.concurrency_key !== undefined, {
    path: ['concurrency_limit'],
    error: 'Needs a concurrency_key',
  });

/** The field `depends_on`, for requests that create tasks. */
export const dependsOn = z
  .array(Id)
  .min(1)
  .max(20)
  .refine((ids) => new Set(ids).size === ids.length, 'Must not name a task twice')
  .meta({ uniqueItems: true })
  .optional()
  .describe(
    'Ids of tasks of the organization that must be COMPLETED first. If one of them fails, `on_failure` decides',
  );
