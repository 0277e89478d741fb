import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { Database } from '../../../database/connect.ts';
import { batchGraph, type GraphTask } from '../../../tasks/queries/graph.ts';
import { ON_FAILURE, TASK_STATUSES } from '../../../tasks/task.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, problems, secured } from '../../app/describe.ts';
import { cursor, encodeCursor } from '../../pages/cursor.ts';
import { page } from '../../pages/page.ts';
import { pageLimit } from '../../pages/page-limit.ts';

const PAGE = { default: 500, max: 1_000 } as const;

const Graph = z
  .object({
    nodes: z.array(
      z.object({
        id: z.uuid(),
        name: z.string(),
        ref: z.string().nullable().describe('Name of the task among the tasks of its bulk request'),
        kind: z.string(),
        status: z.enum(TASK_STATUSES),
        on_failure: z.enum(ON_FAILURE),
      }),
    ),
    edges: z
      .array(
        z.object({
          task: z.uuid(),
          depends_on: z.uuid().describe('May be a task of another page, or of another batch'),
          as: z.string().nullable().describe('Name under which the task is given the result'),
        }),
      )
      .describe('What the nodes of this page depend on'),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'BatchGraph' });

const graph = createRoute({
  method: 'get',
  path: '/api/batches/{batchId}/graph',
  operationId: 'getBatchGraph',
  summary: 'The tasks of a batch, and what they depend on',
  description:
    'Pages have the tasks in the order in which they were requested, each with all its edges. A dependency whose retention is over has no edge any more.',
  ...secured('Batches'),
  request: {
    params: z.object({ batchId: Id }),
    query: z.strictObject({ limit: pageLimit(PAGE).describe('Tasks at most'), cursor }),
  },
  responses: { 200: answer('A page of the graph', Graph), ...problems(400, 401, 404) },
});

/** Registers the route that shows how the tasks of a batch depend on each other and on other tasks. */
export function registerGraphRoutes(app: App, deps: { db: Database }): void {
  app.openapi(graph, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const { tasks, more } = await batchGraph(deps, c.var.principal, {
      id: c.req.valid('param').batchId,
      afterId: cursor ?? null,
      limit,
    });
    const { results, next_cursor } = page(tasks, {
      more,
      view: taskInGraph,
      cursorOf: ({ id }) => encodeCursor(id),
    });
    const [nodes, edges] = [results.map(({ node }) => node), results.flatMap((each) => each.edges)];
    return c.json({ nodes, edges, next_cursor }, 200);
  });
}

function taskInGraph({ dependsOn, inputs, onFailure: on_failure, ...node }: GraphTask) {
  const nameOf = new Map(Object.entries(inputs ?? {}).map(([name, id]) => [id, name]));
  const edges = dependsOn.map((id) => ({ task: node.id, depends_on: id, as: nameOf.get(id) ?? null }));
  return { node: { ...node, on_failure }, edges };
}
