import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { idsFrom } from '../../../idempotency/ids-from.ts';
import { type ChangeDeps, cancelTask, rescheduleTask, retryTask } from '../../../tasks/commands/change.ts';
import { createTasks } from '../../../tasks/commands/create.ts';
import { taskRequest } from '../../../tasks/commands/parse-task-request.ts';
import { explainTask, getTask, listAttempts, listTasks } from '../../../tasks/queries/tasks.ts';
import type { Task } from '../../../tasks/task.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, NEWEST_FIRST, problems, secured } from '../../app/describe.ts';
import { encodeCursor } from '../../pages/cursor.ts';
import { page, pageFiller, pageOf } from '../../pages/page.ts';
import { AttemptView, attemptView, ListAttempts } from './attempt-view.ts';
import { type ResultDeps, resultLink } from './result-link.ts';
import { columnsFor, onlyFields, ROW_FIELDS } from './task-fields.ts';
import { taskFilter } from './task-filter.ts';
import { CreateTask, ListTasks, ReadTask, RescheduleTask } from './task-request.ts';
import {
  ExplainedTask,
  TaskExcerpt,
  TaskRow,
  TaskStatusView,
  TaskView,
  TaskWithPayload,
  taskStatusView,
  taskView,
  taskWithPayload,
} from './task-view.ts';

const oneTask = z.object({ taskId: Id });

const create = createRoute({
  method: 'post',
  path: '/api/tasks',
  operationId: 'createTask',
  summary: 'Schedule a task',
  ...secured('Tasks'),
  request: { body: json(CreateTask) },
  responses: {
    201: answer('Committed. No later failure loses the task', TaskWithPayload),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const list = createRoute({
  method: 'get',
  path: '/api/tasks',
  operationId: 'listTasks',
  summary: 'List tasks, newest first',
  description: NEWEST_FIRST,
  ...secured('Tasks'),
  request: { query: ListTasks },
  responses: {
    200: answer('A page', pageOf(TaskRow)),
    ...problems(400, 401, 404),
  },
});

const read = createRoute({
  method: 'get',
  path: '/api/tasks/{taskId}',
  operationId: 'getTask',
  summary: 'One task',
  ...secured('Tasks'),
  request: { params: oneTask, query: ReadTask },
  responses: {
    200: answer('The task', z.union([ExplainedTask, TaskExcerpt])),
    ...problems(400, 401, 404),
  },
});

const reschedule = createRoute({
  method: 'patch',
  path: '/api/tasks/{taskId}',
  operationId: 'rescheduleTask',
  summary: 'Reschedule a task that has not started',
  ...secured('Tasks'),
  request: { params: oneTask, body: json(RescheduleTask) },
  responses: { 200: answer('The changed task', TaskView), ...problems(400, 401, 403, 404, 409) },
});

const attempts = createRoute({
  method: 'get',
  path: '/api/tasks/{taskId}/attempts',
  operationId: 'listAttempts',
  summary: 'List the attempts of a task, with cause, times, error and delay',
  ...secured('Tasks'),
  request: { params: oneTask, query: ListAttempts },
  responses: {
    200: answer('A page, newest first', pageOf(AttemptView)),
    ...problems(400, 401, 404),
  },
});

const status = createRoute({
  method: 'get',
  path: '/api/tasks/{taskId}/status',
  operationId: 'getTaskStatus',
  summary: 'Status and result of a task',
  ...secured('Tasks'),
  request: { params: oneTask },
  responses: { 200: answer('Status and result', TaskStatusView), ...problems(400, 401, 404) },
});

const Changed = TaskView.extend({ message: z.string() });

const cancel = createRoute({
  method: 'post',
  path: '/api/tasks/{taskId}/cancel',
  operationId: 'cancelTask',
  summary: 'Cancel a task',
  description:
    'Before the start, the cancel is final and the task never runs (200). While the task runs, its worker is asked to stop it (202).',
  ...secured('Tasks'),
  request: { params: oneTask },
  responses: {
    200: answer('Cancelled', Changed),
    202: answer('Asked to stop', Changed),
    ...problems(400, 401, 403, 404, 409),
  },
});

const retry = createRoute({
  method: 'post',
  path: '/api/tasks/{taskId}/retry',
  operationId: 'retryTask',
  summary: 'Retry a failed or cancelled task',
  ...secured('Tasks'),
  request: { params: oneTask },
  responses: {
    200: answer('Scheduled. Its retries are counted from zero', Changed),
    ...problems(400, 401, 403, 404, 409),
  },
});

/** Registers the routes that create, list, read, reschedule, cancel and retry tasks. */
export function registerTaskRoutes(app: App, deps: ChangeDeps & ResultDeps): void {
  app.openapi(create, async (c) => {
    const body = c.req.valid('json');
    const payload = c.var.source.payloads.get('/payload');
    const requests = [taskRequest(body, body.queue, { payload })];
    const ids = c.var.seed === undefined ? undefined : idsFrom(c.var.seed, requests.length);
    const [task] = await createTasks(deps, c.var.principal, {
      organizationId: body.organization ?? null,
      requests,
      ids,
    });
    if (!task) throw new Error('The statement returned no task');
    return c.json(taskWithPayload(task), 201, { Location: `/api/tasks/${task.id}/` });
  });

  app.openapi(list, async (c) => {
    const query = c.req.valid('query');
    const fields = query.fields ?? ROW_FIELDS;
    const rows = pageFiller((task: Task) => onlyFields(taskWithPayload(task), fields));
    const more = await listTasks(deps, c.var.principal, {
      request: {
        ...taskFilter(query),
        mine: query.created_by === 'me',
        statuses: query.status ?? null,
        beforeId: query.cursor ?? null,
      },
      page: { limit: query.limit, large: columnsFor(fields), take: rows.add },
    });
    const last = rows.last();
    return c.json({ results: rows.views, next_cursor: more && last ? encodeCursor(last.id) : null }, 200);
  });

  app.openapi(read, async (c) => {
    const { fields } = c.req.valid('query');
    const large = fields ? columnsFor(fields) : true;
    const { task, waiting } = await explainTask(deps, c.var.principal, {
      id: c.req.valid('param').taskId,
      large,
    });
    const view = { ...taskWithPayload(task), ...resultLink(deps, task), waiting };
    return c.json(fields ? onlyFields(view, fields) : view, 200);
  });

  app.openapi(reschedule, async (c) => {
    const { scheduled_time } = c.req.valid('json');
    const { taskId } = c.req.valid('param');
    return c.json(
      taskView(await rescheduleTask(deps, c.var.principal, { id: taskId, scheduledTime: scheduled_time })),
      200,
    );
  });

  app.openapi(attempts, async (c) => {
    const { cursor: before = null, limit } = c.req.valid('query');
    const { taskId: id } = c.req.valid('param');
    const { attempts: rows, more } = await listAttempts(deps, c.var.principal, { id, before, limit });
    return c.json(page(rows, { more, view: attemptView, cursorOf: ({ attempt }) => String(attempt) }), 200);
  });

  app.openapi(status, async (c) => {
    const large = columnsFor(['result']);
    const task = await getTask(deps, c.var.principal, { id: c.req.valid('param').taskId, large });
    return c.json({ ...taskStatusView(task), ...resultLink(deps, task) }, 200);
  });

  app.openapi(cancel, async (c) => {
    const task = await cancelTask(deps, c.var.principal, c.req.valid('param').taskId);
    return task.status === 'CANCELLED'
      ? c.json({ ...taskView(task), message: 'Task cancelled' }, 200)
      : c.json({ ...taskView(task), message: 'Task is running; it was asked to stop' }, 202);
  });

  app.openapi(retry, async (c) => {
    const task = await retryTask(deps, c.var.principal, c.req.valid('param').taskId);
    return c.json({ ...taskView(task), message: 'Task scheduled for retry' }, 200);
  });
}
