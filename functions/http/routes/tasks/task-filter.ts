import * as z from 'zod';
import { LISTED_KIND_NAMES } from '../../../tasks/kinds/registry.ts';
import { QUEUES } from '../../../tasks/task.ts';
import { Id } from '../../../text-rules.ts';
import { timestamp } from '../../../timestamp.ts';

/** Fields that select tasks, in a list and in a bulk action. */
export const filterFields = {
  kind: z.enum(LISTED_KIND_NAMES).optional(),
  queue: z.enum(QUEUES).optional(),
  batch: Id.optional(),
  organization: Id.optional(),
  created_by: z.literal('me').optional(),
  created_from: timestamp.optional().describe('Inclusive'),
  created_to: timestamp.optional().describe('Exclusive'),
  scheduled_from: timestamp.optional().describe('Inclusive'),
  scheduled_to: timestamp.optional().describe('Exclusive'),
};

const Filter = z.object(filterFields);

/** Returns the filter of a request. An absent field excludes no task. */
export function taskFilter(given: z.output<typeof Filter>) {
  return {
    organizationId: given.organization ?? null,
    batchId: given.batch ?? null,
    kind: given.kind ?? null,
    queue: given.queue ?? null,
    createdFrom: given.created_from ?? null,
    createdTo: given.created_to ?? null,
    scheduledFrom: given.scheduled_from ?? null,
    scheduledTo: given.scheduled_to ?? null,
  };
}
