import { createRoute } from '@hono/zod-openapi';
import {
  actInBulk,
  type BulkAction,
  type BulkFilter,
  countInBulk,
} from '../../../tasks/commands/bulk-actions.ts';
import type { ChangeDeps } from '../../../tasks/commands/change.ts';
import type { App } from '../../app/app.ts';
import { answer, json, problems, secured } from '../../app/describe.ts';
import { timeLeft } from '../../app/time-left.ts';
import { taskFilter } from '../tasks/task-filter.ts';
import { BulkActionRequest, BulkOutcome } from './bulk-action-request.ts';

const act = createRoute({
  method: 'post',
  path: '/api/bulk-actions',
  operationId: 'changeTasks',
  summary: 'Cancel, retry or reschedule all tasks that match a filter',
  description:
    'The rules for each task are those of the action on a single task. Repeat the request until `complete` is true. Each request continues the work.',
  ...secured('Batches'),
  request: { body: json(BulkActionRequest) },
  responses: {
    200: answer('Counts of the action', BulkOutcome),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

export function registerBulkActionRoutes(app: App, deps: ChangeDeps): void {
  app.openapi(act, async (c) => {
    const { action, scheduled_time, filter, dry_run } = c.req.valid('json');
    const wanted: BulkAction =
      action === 'reschedule' ? { action, scheduledTime: scheduled_time ?? '' } : { action };
    const { principal } = c.var;
    const meant: BulkFilter = {
      ...taskFilter(filter),
      ids: filter.ids ?? null,
      statuses: filter.status === undefined ? null : [filter.status].flat(),
      createdBy: filter.created_by === 'me' ? principal.userId : null,
    };
    const carryOut = dry_run ? countInBulk : actInBulk;
    return c.json(
      await carryOut(deps, principal, { wanted, filter: meant, remainingSeconds: timeLeft(c) }),
      200,
    );
  });
}
