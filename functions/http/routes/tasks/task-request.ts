import * as z from 'zod';
import { dependsOn, scheduledTime, TaskFields, withItsRules } from '../../../tasks/commands/task-fields.ts';
import { QUEUES, TASK_STATUSES } from '../../../tasks/task.ts';
import { Id } from '../../../text-rules.ts';
import { taskRules } from '../../document/kind-schemas.ts';
import { cursor } from '../../pages/cursor.ts';
import { pageLimit } from '../../pages/page-limit.ts';
import { FIELDS, FIELDS_OF_ONE } from './task-fields.ts';
import { filterFields } from './task-filter.ts';

/** `PATCH /api/tasks/<id>/` */
export const RescheduleTask = z.strictObject({ scheduled_time: scheduledTime });

/**
 * `POST /api/tasks/`. `name`, `description` and `scheduled_time` are enough, as in the replaced API
 * (docs/compatibility.md).
 */
export const CreateTask = withItsRules(
  TaskFields.extend({
    queue: z.enum(QUEUES).default('interactive').describe('`bulk` for tasks that may wait behind others'),
    organization: Id.optional().describe('Default: your personal organization'),
    depends_on: dependsOn,
  }),
).meta({
  id: 'CreateTask',
  ...taskRules,
  examples: [
    {
      name: 'Data Processing Task',
      description: 'Process some data in the background.',
      scheduled_time: '2024-11-20T10:00:00Z',
    },
  ],
});

const PAGE = { default: 50, max: 200 } as const;

export const many = <T extends z.ZodType>(item: T, max = 6) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(item).min(1).max(max),
    )
    .meta({ param: { style: 'form', explode: false } });

/** `GET /api/tasks/<id>/` */
export const ReadTask = z.strictObject({
  fields: many(z.enum(FIELDS_OF_ONE), FIELDS_OF_ONE.length)
    .optional()
    .describe('Fields to return, separated by commas; `id` is always returned. Default: all'),
});

/** `GET /api/tasks/` */
export const ListTasks = z.strictObject({
  status: many(z.enum(TASK_STATUSES)).optional().describe('One or more statuses, separated by commas'),
  ...filterFields,
  batch: Id.optional().describe('Only tasks of this batch'),
  organization: Id.optional().describe('Default: all your organizations'),
  fields: many(z.enum(FIELDS), FIELDS.length)
    .optional()
    .describe(
      'Fields to return, separated by commas; `id` is always returned. Default: all except `description`, `payload`, `result` and `error`',
    ),
  limit: pageLimit(PAGE),
  cursor,
});
