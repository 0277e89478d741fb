import * as z from 'zod';
import { invalidRequest } from '../../refusal.ts';
import type { TaskRequest } from '../../tasks/create.ts';
import { DEFAULT_KIND, KIND_NAMES, KINDS } from '../../tasks/kinds/index.ts';
import { TASK_STATUSES } from '../../tasks/task.ts';
import { Id } from '../id.ts';
import { pageLimit } from '../page-limit.ts';
import { timestamp } from '../timestamp.ts';

/** A task may be scheduled this far ahead. */
const MAX_YEARS_AHEAD = 10;

const PAGE = { default: 50, max: 200 } as const;

/** Counted in code points, as Postgres does. */
const text = (max: number) => z.string().max(max, `Must have at most ${max} characters`);

/** `POST /api/tasks/`: the seed's three fields work as they are. */
export const CreateTask = z
  .strictObject({
    name: text(200)
      .refine((name) => name.trim() !== '', 'Must not be blank')
      .refine((name) => !/\p{Cc}/u.test(name), 'Must be one line, without control characters')
      .describe('1 to 200 characters'),
    description: text(10_000).default('').describe('At most 10,000 characters'),
    scheduled_time: timestamp
      .refine((time) => Date.parse(time) < Date.now() + MAX_YEARS_AHEAD * 366 * 86_400_000, {
        error: `Must be at most ${MAX_YEARS_AHEAD} years ahead`,
      })
      .nullish()
      .describe('Earliest start. Absent or past: now'),
    kind: z.enum(KIND_NAMES).default(DEFAULT_KIND),
    payload: z.looseObject({}).default({}).describe('What the kind works on'),
    max_retries: z
      .int()
      .min(0)
      .max(100)
      .optional()
      .describe('Retries after the first attempt; default of the kind: 3'),
    organization: Id.optional().describe('Default: your personal organization'),
  })
  .meta({
    id: 'CreateTask',
    examples: [
      {
        name: 'Data Processing Task',
        description: 'Process some data in the background.',
        scheduled_time: '2024-11-20T10:00:00Z',
      },
    ],
  });

/**
 * What is to be written for a valid body.
 *
 * @throws Refusal `invalid_request` when the payload is not the kind's; pointers begin with `/payload`
 */
export function taskRequest(body: z.infer<typeof CreateTask>): TaskRequest {
  const kind = KINDS[body.kind];
  const payload = z.object({ payload: kind.payload }).safeParse({ payload: body.payload });
  if (!payload.success) throw invalidRequest('body', payload.error);
  return {
    kind: body.kind,
    name: body.name,
    description: body.description,
    // As the caller wrote it: the worker parses it again, with the schema of its day.
    payload: body.payload,
    queue: 'interactive',
    scheduledTime: body.scheduled_time ?? null,
    maxRetries: body.max_retries ?? kind.retry.maxRetries,
    retryPolicy: null,
    softSeconds: null,
    hardSeconds: null,
    uniqueKey: null,
    concurrencyKey: null,
    concurrencyLimit: null,
  };
}

const many = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',') : value),
    z.array(item).min(1).max(6),
  );

/** `GET /api/tasks/` */
export const ListTasks = z.strictObject({
  status: many(z.enum(TASK_STATUSES)).optional().describe('One or more, separated by commas'),
  kind: z.enum(KIND_NAMES).optional(),
  organization: Id.optional().describe('Default: all your organizations'),
  created_by: z.literal('me').optional(),
  created_from: timestamp.optional().describe('Inclusive'),
  created_to: timestamp.optional().describe('Exclusive'),
  scheduled_from: timestamp.optional().describe('Inclusive'),
  scheduled_to: timestamp.optional().describe('Exclusive'),
  limit: pageLimit(PAGE),
  cursor: z.string().max(100).optional().describe('`next_cursor` of the page before'),
});
