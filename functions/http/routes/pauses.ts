import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { CreateDeps } from '../../tasks/commands/create.ts';
import { listPauses, type Pause, type PauseKey, pause, resume } from '../../tasks/commands/pauses.ts';
import { LISTED_KIND_NAMES } from '../../tasks/kinds/registry.ts';
import { QUEUES } from '../../tasks/task.ts';
import { Id } from '../../text-rules.ts';
import type { App } from '../app/app.ts';
import { answer, json, problems, secured } from '../app/describe.ts';
import { cursorParameter } from '../pages/cursor.ts';
import { page, pageOf } from '../pages/page.ts';
import { pageLimit } from '../pages/page-limit.ts';

/** The name of a kind or queue, also of one that no longer exists. */
const PausedName = z.string().regex(/^[a-z][a-z0-9.-]{0,99}$/, 'Must be the name of a kind or queue');

const PauseView = z
  .object({
    organization: z.uuid(),
    scope: z.enum(['kind', 'queue']),
    name: z.string(),
    paused_by: z.string().nullable().describe('Username'),
    paused_at: z.iso.datetime(),
  })
  .meta({ id: 'Pause' });

const CreatePause = z
  .strictObject({
    kind: z.enum(LISTED_KIND_NAMES).optional(),
    queue: z.enum(QUEUES).optional(),
    organization: Id.optional().describe('Default: your personal organization'),
  })
  .refine(({ kind, queue }) => (kind === undefined) !== (queue === undefined), {
    path: ['kind'],
    error: 'Give either kind or queue',
  })
  .meta({ oneOf: [{ required: ['kind'] }, { required: ['queue'] }] });

const ofOrganization = z.strictObject({ organization: Id.optional() });

/** Organization, scope and name of the last pause seen. Plain text, so that a pattern can describe it. */
const PLACE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}~(?:kind|queue)~[a-z][a-z0-9.-]{0,99}$/;

const cursorOf = ({ organizationId, scope, name }: PauseKey) => `${organizationId}~${scope}~${name}`;

function placeOf(cursor: string): PauseKey {
  const [organizationId = '', scope, name = ''] = cursor.split('~');
  return { organizationId, scope: scope as PauseKey['scope'], name };
}

const ListPauses = z.strictObject({
  organization: Id.optional().describe('Default: all your organizations'),
  limit: pageLimit({ max: 100, default: 50 }),
  cursor: cursorParameter(PLACE, placeOf),
});

const collection = { path: '/api/pauses', ...secured('Pauses') } as const;

const list = createRoute({
  ...collection,
  method: 'get',
  operationId: 'listPauses',
  summary: 'List pauses: newest organization first, then by scope and name',
  request: { query: ListPauses },
  responses: {
    200: answer('A page', pageOf(PauseView)),
    ...problems(400, 401, 404),
  },
});

const create = createRoute({
  ...collection,
  method: 'post',
  operationId: 'createPause',
  summary: 'Pause a kind or a queue',
  description:
    'Tasks of the kind or queue do not start in the organization until it is resumed. Running tasks continue.',
  request: { body: json(CreatePause) },
  responses: { 201: answer('Paused', PauseView), ...problems(400, 401, 403, 404) },
});

const remove = createRoute({
  path: '/api/pauses/{scope}/{name}',
  method: 'delete',
  operationId: 'deletePause',
  summary: 'Resume a kind or a queue',
  ...secured('Pauses'),
  request: {
    // Not limited to existing kinds: a pause of a removed kind must still be resumable.
    params: z.object({ scope: z.enum(['kind', 'queue']), name: PausedName }),
    query: ofOrganization.describe('Default: your personal organization'),
  },
  responses: { 204: { description: 'Resumed' }, ...problems(400, 401, 403, 404) },
});

/** Registers the routes of an organization's pauses. */
export function registerPauseRoutes(app: App, deps: CreateDeps): void {
  app.openapi(list, async (c) => {
    const { organization: organizationId = null, cursor: after = null, limit } = c.req.valid('query');
    const { pauses, more } = await listPauses(deps, c.var.principal, { organizationId, after, limit });
    return c.json(page(pauses, { more, view: pauseView, cursorOf }), 200);
  });

  app.openapi(create, async (c) => {
    const { kind, queue, organization = null } = c.req.valid('json');
    const key =
      kind === undefined
        ? ({ scope: 'queue', name: queue ?? '' } as const)
        : ({ scope: 'kind', name: kind } as const);
    return c.json(pauseView(await pause(deps, c.var.principal, { organizationId: organization, key })), 201);
  });

  app.openapi(remove, async (c) => {
    await resume(deps, c.var.principal, {
      organizationId: c.req.valid('query').organization ?? null,
      key: c.req.valid('param'),
    });
    return c.body(null, 204);
  });
}

function pauseView({ organizationId, scope, name, pausedBy, pausedAt }: Pause): z.infer<typeof PauseView> {
  return {
    organization: organizationId,
    scope,
    name,
    paused_by: pausedBy,
    paused_at: pausedAt.toISOString(),
  };
}
