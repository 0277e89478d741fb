import * as z from 'zod';
import { scheduledTime } from '../../../tasks/commands/task-fields.ts';
import { TASK_STATUSES } from '../../../tasks/task.ts';
import { Id } from '../../../text-rules.ts';
import { filterFields } from '../tasks/task-filter.ts';

/** Maximum ids in a filter. */
const MAX_IDS = 1_000;

const Filter = z
  .strictObject({
    status: z
      .union([z.enum(TASK_STATUSES), z.array(z.enum(TASK_STATUSES)).min(1).max(6)])
      .optional()
      .describe('One status, or a list'),
    ...filterFields,
    organization: Id.optional().describe('Default: all organizations that you may write to'),
    ids: z.array(Id).min(1).max(MAX_IDS).optional().describe('At most 1,000'),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: 'Must have at least one filter: an empty selection would mean all tasks',
  })
  .meta({ minProperties: 1 });

const dryRun = z
  .boolean()
  .default(false)
  .describe('True: counts the tasks, up to 100,000, and changes nothing');

/** The body of an action on a whole batch. */
export const BatchActionRequest = z.strictObject({ dry_run: dryRun }).meta({ id: 'BatchAction' });

/** `POST /api/bulk-actions/` */
export const BulkActionRequest = z
  .strictObject({
    action: z.enum(['cancel', 'retry', 'reschedule']),
    filter: Filter,
    scheduled_time: scheduledTime
      .optional()
      .describe('New time, for `reschedule` only. A past time means now'),
    dry_run: dryRun,
  })
  .refine(({ action, scheduled_time }) => (action === 'reschedule') === (scheduled_time !== undefined), {
    path: ['scheduled_time'],
    error: 'Is required for reschedule, and not allowed for other actions',
  })
  .meta({
    id: 'BulkAction',
    oneOf: [
      { properties: { action: { const: 'reschedule' } }, required: ['action', 'scheduled_time'] },
      { properties: { action: { enum: ['cancel', 'retry'] }, scheduled_time: false }, required: ['action'] },
    ],
  });

export const BulkOutcome = z
  .object({
    matched: z.int().describe('Tasks that match the filter and allow the action'),
    changed: z.int().describe('Tasks that were changed'),
    stopping: z
      .int()
      .describe(
        'For `retry`: cancelled tasks that have not stopped yet. They can be retried when they have stopped',
      ),
    complete: z
      .boolean()
      .describe(
        'False when the request ran out of time, or while tasks are stopping. Repeat the request then',
      ),
  })
  .meta({ id: 'BulkOutcome' });
