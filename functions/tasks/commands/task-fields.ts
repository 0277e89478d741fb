import * as z from 'zod';
import { JSON_NAME } from '../../json-schema.ts';
import { Id, key, name, text, UUID } from '../../text-rules.ts';
import { timestampWithin } from '../../timestamp.ts';
import { LONGEST_LIMIT_SECONDS } from '../define-task.ts';
import { DEFAULT_KIND, KIND_NAMES } from '../kinds/registry.ts';
import type { TaskRequest } from '../new-task.ts';
import { ON_FAILURE } from '../task.ts';
import { isLocal } from './local-names.ts';

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

/** A name under which a task is given the result of a dependency: a name that is easy to write in code. */
const NAMED_INPUT = /^[A-Za-z][A-Za-z0-9_]{0,49}$/;
const INPUT_NAME = z
  .string()
  .regex(NAMED_INPUT, 'A name must be 1 to 50 letters, digits and underscores, and begin with a letter');

const NAME_IN_REQUEST = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}';
const REF = new RegExp(`^${NAME_IN_REQUEST}$`);

/** An id, or a reference to a task of the same request. */
const ID_OR_REF = new RegExp(`^(?:${UUID.source.slice(1, -1)}|#${NAME_IN_REQUEST})$`);

/** Upper bound of the dependencies of a task. */
const MAX_DEPENDENCIES = 20;

const isEachOnce = (others: readonly string[]) => new Set(others).size === others.length;

/**
 * Schema of `depends_on`: a list of dependencies, or an object that gives each of them a name.
 *
 * @param one a dependency
 * @param pattern of its text
 */
const dependencies = (one: z.ZodType<string>, pattern: RegExp) =>
  z.union([
    z
      .array(one)
      .min(1)
      .max(MAX_DEPENDENCIES)
      .refine(isEachOnce, 'Must not name a task twice')
      .meta({ uniqueItems: true }),
    z
      .record(INPUT_NAME, one)
      .refine((named) => Object.keys(named).length >= 1, 'Must name at least one task')
      .refine(
        (named) => Object.keys(named).length <= MAX_DEPENDENCIES,
        `Must name at most ${MAX_DEPENDENCIES} tasks`,
      )
      .refine((named) => isEachOnce(Object.values(named)), 'Must not name a task twice')
      .meta({
        minProperties: 1,
        maxProperties: MAX_DEPENDENCIES,
        patternProperties: { [NAMED_INPUT.source]: { type: 'string', pattern: pattern.source } },
        additionalProperties: false,
      }),
  ]);

const ABOUT_DEPENDENCIES =
  'Ids of tasks of the organization that must be COMPLETED first: a list, or an object that names each of them, ' +
  'so that the handler gets their results under these names. If one of them fails, `on_failure` decides';

/** The field `depends_on`, for requests that create tasks. */
export const dependsOn = dependencies(Id, UUID).optional().describe(ABOUT_DEPENDENCIES);

/** The field `depends_on` of a task in a bulk request, which may also refer to other tasks of the request. */
export const dependsOnInRequest = dependencies(
  z
    .string()
    .regex(ID_OR_REF, 'Must be a UUID, or # and the ref of a task of this request')
    .overwrite((given) => (isLocal(given) ? given : given.toLowerCase())),
  ID_OR_REF,
)
  .optional()
  .describe(`${ABOUT_DEPENDENCIES}. \`#name\` means the task of this request whose \`ref\` is \`name\``);

/** The field `ref` of a task in a bulk request. */
export const ref = z
  .string()
  .regex(
    REF,
    'Must be 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit',
  )
  .optional()
  .describe('Name of the task among the tasks of this request, for their `depends_on`');

/** Returns the dependencies of a field `depends_on`, and their names. */
export function dependenciesOf(given: z.output<typeof dependsOn>): Pick<TaskRequest, 'dependsOn' | 'inputs'> {
  if (given === undefined) return { dependsOn: null, inputs: null };
  return Array.isArray(given)
    ? { dependsOn: given, inputs: null }
    : { dependsOn: Object.values(given), inputs: given };
}
