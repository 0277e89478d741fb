import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { AUDIT_ACTIONS } from '../../audit/actions.ts';
import type { Entry } from '../../audit/read.ts';
import type { Database } from '../../database/connect.ts';
import { listEntries } from '../../organizations/operations/audit-log.ts';
import { Id } from '../../text-rules.ts';
import type { App } from '../app/app.ts';
import { answer, NEWEST_FIRST, problems, secured } from '../app/describe.ts';
import { cursor, encodeCursor } from '../pages/cursor.ts';
import { page, pageOf } from '../pages/page.ts';
import { pageLimit } from '../pages/page-limit.ts';

const AuditEntry = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    action: z.enum(AUDIT_ACTIONS),
    actor: z
      .uuid()
      .nullable()
      .describe('User who acted. For `session.refused`: the user whose account it is'),
    actor_username: z.string().nullable().describe('Null when the user is no longer a member'),
    target: z.string().nullable().describe('Object of the action: a user, a session, a kind or a queue'),
    details: z.record(z.string(), z.unknown()),
    address: z.string().nullable().describe('Address of the client'),
  })
  .meta({ id: 'AuditEntry' });

const list = createRoute({
  method: 'get',
  path: '/api/organizations/{id}/audit-log',
  operationId: 'listAuditLog',
  summary: 'Who did what in an organization, newest first',
  description: `For owners and admins. Kept for 90 days. Logins and logouts are in the log of the user's personal organization. ${NEWEST_FIRST}`,
  ...secured('Organizations'),
  request: {
    params: z.object({ id: Id }),
    query: z.strictObject({ limit: pageLimit({ default: 50, max: 100 }), cursor }),
  },
  responses: {
    200: answer('A page', pageOf(AuditEntry)),
    ...problems(400, 401, 403, 404),
  },
});

export function registerAuditRoutes(app: App, deps: { db: Database }): void {
  app.openapi(list, async (c) => {
    const { limit, cursor: beforeId = null } = c.req.valid('query');
    const { id: organizationId } = c.req.valid('param');
    const { entries, more } = await listEntries(deps, c.var.principal, { organizationId, limit, beforeId });
    const cursorOf = ({ id }: Entry) => encodeCursor(id);
    return c.json(page(entries, { more, view: entryView, cursorOf }), 200);
  });
}

function entryView({ id, at, action, actorId, actorName, target, details, address }: Entry) {
  return {
    id,
    at: at.toISOString(),
    action,
    actor: actorId,
    actor_username: actorName,
    target,
    details,
    address,
  };
}
