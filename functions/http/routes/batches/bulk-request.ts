import * as z from 'zod';
import type { JsonText } from '../../../exact-json/json-text.ts';
import { type FieldError, Refusal } from '../../../refusal.ts';
import { shortenedField } from '../../../shortened.ts';
import { MAX_BATCH } from '../../../tasks/commands/create-batch.ts';
import { localNameErrors } from '../../../tasks/commands/local-names.ts';
import { readTask } from '../../../tasks/commands/parse-task-request.ts';
import type { TaskRequest } from '../../../tasks/new-task.ts';
import { QUEUES, type Queue } from '../../../tasks/task.ts';
import { Id, line } from '../../../text-rules.ts';
import { bytesInAnswer } from '../../pages/page.ts';

/** Fields that all batches have, however their tasks arrive. */
export const batchFields = {
  name: line(200).default('').describe('At most 200 characters'),
  queue: z.enum(QUEUES).default('bulk').describe('Queue of all tasks of the batch'),
  organization: Id.optional().describe('Default: your personal organization'),
};

/**
 * `POST /api/tasks/bulk/`. This schema does not check the tasks: each task is checked alone, because an answer for each
 * may be wanted.
 */
export const CreateBatch = z
  .strictObject({
    ...batchFields,
    tasks: z
      .array(z.unknown())
      .min(1)
      .max(MAX_BATCH)
      .meta({ items: { $ref: '#/components/schemas/JsonValue' } })
      .describe('1 to 10,000 tasks, with the fields of `POST /api/tasks/` except `organization` and `queue`'),
    partial: z
      .boolean()
      .default(false)
      .describe('True: creates the valid tasks, and reports a result for each. False: creates all or none'),
  })
  .meta({
    id: 'CreateBatch',
    anyOf: [
      { properties: { partial: { const: true } }, required: ['partial'] },
      {
        properties: {
          partial: { const: false },
          tasks: { items: { $ref: '#/components/schemas/BatchTask' } },
        },
      },
    ],
  });

/** The errors of one task. Pointers lead into the body. */
export type BadTask = { index: number; errors: FieldError[] };

/** The requests to carry out with their indexes in the body, and the errors of the other tasks. */
export type BulkRequests = { requests: TaskRequest[]; indexes: number[]; bad: BadTask[] };

/** Checks every task of a body. @param payloads payloads as they were written, by JSON pointer */
export function bulkRequests(
  items: readonly unknown[],
  queue: Queue,
  payloads: ReadonlyMap<string, JsonText>,
): BulkRequests {
  const read: BulkRequests = { requests: [], indexes: [], bad: [] };
  for (const [index, item] of items.entries()) {
    const task = readTask(item, queue, payloads.get(`/tasks/${index}/payload`));
    if ('errors' in task) {
      const errors = task.errors.map((error) => ({ ...error, pointer: `/tasks/${index}${error.pointer}` }));
      read.bad.push({ index, errors });
    } else {
      read.requests.push(task);
      read.indexes.push(index);
    }
  }
  return withoutBadNames(read, items);
}

/** Moves the tasks to `bad` whose local names, or whose dependencies by local names, are not in order. */
function withoutBadNames({ requests, indexes, bad }: BulkRequests, items: readonly unknown[]): BulkRequests {
  const badNames = new Set(bad.map(({ index }) => (items[index] as { ref?: unknown } | null)?.ref));
  const errors = localNameErrors(requests, badNames);
  if (errors.size === 0) return { requests, indexes, bad };
  const more = [...errors].map(([place, each]) => {
    const index = indexes[place] ?? 0;
    return { index, errors: each.map((error) => ({ ...error, pointer: `/tasks/${index}${error.pointer}` })) };
  });
  return {
    requests: requests.filter((_, place) => !errors.has(place)),
    indexes: indexes.filter((_, place) => !errors.has(place)),
    bad: [...bad, ...more].toSorted((one, other) => one.index - other.index),
  };
}

/** Returns the refusal of a batch that contains faults. */
export function batchRefused(bad: readonly BadTask[], total: number): Refusal {
  const fields = bad.flatMap(({ errors }) => errors);
  const [first] = fields;
  const what = `${bad.length} of ${total} tasks ${bad.length === 1 ? 'is' : 'are'} not in order, and nothing was created`;
  const where = first && `${first.pointer.slice(1).replaceAll('/', '.')}: ${first.detail}`;
  return new Refusal('invalid', 'invalid_request', `${where} (${what})`, {}, fields);
}

/**
 * Errors that a partial answer lists: limits of the tasks, of the errors per task, and of the bytes. Further errors are
 * only counted.
 */
const SPELLED = { tasks: 1_000, errors: 3, bytes: 3_000_000 } as const;

export const TaskResult = z.object({
  index: z.int().describe('Position of the task in the request, from 0'),
  id: z.uuid().optional().describe('Id of the created task'),
  errors: z
    .array(z.object({ pointer: z.string(), detail: z.string() }))
    .optional()
    .describe('Reasons why the task was not created'),
  more_errors: z.int().optional().describe('Number of further errors that are not listed'),
});

/** Returns the result of each task of a partial request, in the order of the tasks. */
export function taskResults(
  created: readonly { index: number; id: string }[],
  bad: readonly BadTask[],
): z.infer<typeof TaskResult>[] {
  let bytes = 0;
  const refused = bad.map(({ index, errors }, position) => {
    const first = errors.slice(0, position < SPELLED.tasks ? SPELLED.errors : 0);
    const shown = first.map(shortenedField).map(({ pointer, detail }) => ({ pointer, detail }));
    bytes += bytesInAnswer(shown);
    const spelled = bytes <= SPELLED.bytes ? shown : [];
    return {
      index,
      errors: spelled,
      ...(errors.length > spelled.length && { more_errors: errors.length - spelled.length }),
    };
  });
  return [...created, ...refused].sort((a, b) => a.index - b.index);
}
