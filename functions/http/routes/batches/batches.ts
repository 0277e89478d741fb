import { createRoute } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import * as z from 'zod';
import { idsFrom } from '../../../idempotency/ids-from.ts';
import { cancelBatch, countInBulk, EVERYTHING, retryBatch } from '../../../tasks/commands/bulk-actions.ts';
import type { ChangeDeps } from '../../../tasks/commands/change.ts';
import { createBatch } from '../../../tasks/commands/create-batch.ts';
import { unmetField } from '../../../tasks/commands/references.ts';
import { getBatch, listBatches } from '../../../tasks/queries/batches.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, NEWEST_FIRST, problems, secured } from '../../app/describe.ts';
import { timeLeft } from '../../app/time-left.ts';
import { cursor, encodeCursor } from '../../pages/cursor.ts';
import { page, pageOf } from '../../pages/page.ts';
import { pageLimit } from '../../pages/page-limit.ts';
import { BatchView, batchView } from './batch-view.ts';
import { BatchActionRequest, BulkOutcome } from './bulk-action-request.ts';
import { batchRefused, bulkRequests, CreateBatch, TaskResult, taskResults } from './bulk-request.ts';

const PAGE = { default: 50, max: 200 } as const;

const oneBatch = z.object({ batchId: Id });

const Created = z.object({
  batch: BatchView.nullable().describe('Null when no task was valid'),
  created: z.int(),
  results: z.array(TaskResult).optional().describe('With `partial`: the result for each task of the request'),
});

const create = createRoute({
  method: 'post',
  path: '/api/tasks/bulk',
  operationId: 'createBatch',
  summary: 'Schedule up to 10,000 tasks as a batch',
  description:
    'Creates all tasks or none; with `partial` it creates the valid ones. The body may have 3,000,000 bytes.',
  ...secured('Batches'),
  request: { body: json(CreateBatch) },
  responses: {
    200: answer('With `partial`: nothing was created', Created),
    201: answer('Committed. No later failure loses the tasks', Created),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const list = createRoute({
  method: 'get',
  path: '/api/batches',
  operationId: 'listBatches',
  summary: 'List batches, newest first',
  description: NEWEST_FIRST,
  ...secured('Batches'),
  request: {
    query: z.strictObject({
      organization: Id.optional().describe('Default: all your organizations'),
      limit: pageLimit(PAGE),
      cursor,
    }),
  },
  responses: {
    200: answer('A page', pageOf(BatchView)),
    ...problems(400, 401, 404),
  },
});

const read = createRoute({
  method: 'get',
  path: '/api/batches/{batchId}',
  operationId: 'getBatch',
  summary: 'One batch, with its counts',
  ...secured('Batches'),
  request: { params: oneBatch },
  responses: { 200: answer('The batch', BatchView), ...problems(400, 401, 404) },
});

const Acted = BulkOutcome.extend({ batch: BatchView });

const action = (name: 'cancel' | 'retry', summary: string) =>
  createRoute({
    method: 'post',
    path: `/api/batches/{batchId}/${name}`,
    operationId: `${name}Batch`,
    summary,
    description: 'Repeat the request until `complete` is true. Each request continues the work.',
    ...secured('Batches'),
    request: { params: oneBatch, body: { ...json(BatchActionRequest), required: false } },
    responses: {
      200: answer('Counts of the action, and the batch as it is now', Acted),
      ...problems(400, 401, 403, 404, 409, 422),
    },
  });

const cancel = action('cancel', 'Cancel what waits of a batch, and ask what runs to stop');
const retry = action('retry', 'Retry the failed and cancelled tasks of a batch');

/** Registers the routes of batches: thousands of tasks that are created at once, watched and changed together. */
export function registerBatchRoutes(app: App, deps: ChangeDeps): void {
  app.openapi(create, async (c) => {
    const { tasks, partial, name, queue, organization } = c.req.valid('json');
    const { requests, indexes, bad } = bulkRequests(tasks, queue, c.var.source.payloads);
    if (bad.length > 0 && !partial) throw batchRefused(bad, tasks.length);
    const [id = '', ...ids] = idsFrom(c.var.seed ?? uuidv7(), requests.length + 1);
    const wanted = { id, organizationId: organization ?? null, name, queue };
    const { batch, written, unmet } = await createBatch(deps, c.var.principal, {
      batch: wanted,
      requests,
      ids,
      partial,
    });
    const created = batch?.total ?? 0;
    const view = batch && batchView(batch);
    if (!partial) return c.json({ batch: view, created }, 201, { Location: `/api/batches/${id}/` });
    const there = written.flatMap((is, n) => (is ? [{ index: indexes[n] ?? 0, id: ids[n] ?? '' }] : []));
    const waiting = Map.groupBy(unmet, ({ task }) => task);
    const refused = written.flatMap((is, n) => {
      if (is) return [];
      const index = indexes[n] ?? 0;
      const errors = waiting.get(n)?.map((each) => unmetField(each, `/tasks/${index}`));
      return [errors ? { index, errors } : keyTaken(index)];
    });
    const body = { batch: view, created, results: taskResults(there, [...bad, ...refused]) };
    return view ? c.json(body, 201, { Location: `/api/batches/${id}/` }) : c.json(body, 200);
  });

  app.openapi(list, async (c) => {
    const { organization: organizationId = null, cursor: beforeId = null, limit } = c.req.valid('query');
    const wanted = { organizationId, beforeId, limit };
    const { batches, more } = await listBatches(deps, c.var.principal, wanted);
    return c.json(page(batches, { more, view: batchView, cursorOf: ({ id }) => encodeCursor(id) }), 200);
  });

  app.openapi(read, async (c) =>
    c.json(batchView(await getBatch(deps, c.var.principal, c.req.valid('param').batchId)), 200),
  );

  for (const [route, name, carryOut] of [
    [cancel, 'cancel', cancelBatch],
    [retry, 'retry', retryBatch],
  ] as const) {
    app.openapi(route, async (c) => {
      const { batchId } = c.req.valid('param');
      const { principal } = c.var;
      const outcome = c.req.valid('json').dry_run
        ? await countInBulk(deps, principal, {
            wanted: { action: name },
            filter: { ...EVERYTHING, batchId },
            remainingSeconds: timeLeft(c),
          })
        : await carryOut(deps, principal, { batchId, remainingSeconds: timeLeft(c) });
      return c.json({ ...outcome, batch: batchView(await getBatch(deps, principal, batchId)) }, 200);
    });
  }
}

function keyTaken(index: number) {
  const detail = 'A live task, or an earlier one of this batch, has this key';
  return { index, errors: [{ in: 'body' as const, pointer: `/tasks/${index}/unique_key`, detail }] };
}
