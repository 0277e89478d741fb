import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { Database } from '../../database/connect.ts';
import { issueTicket } from '../../realtime/tickets.ts';
import type { App } from '../app/app.ts';
import { answer, problems, secured } from '../app/describe.ts';
import { secret } from '../app/secret.ts';

const create = createRoute({
  method: 'post',
  path: '/api/ws-tickets',
  operationId: 'createTicket',
  summary: 'A one-use login for a WebSocket',
  description: 'Connect with it: `/ws?ticket=…` or `/ws/tasks/<id>/?ticket=…`',
  ...secured('WebSocket'),
  responses: {
    201: answer(
      'Valid once',
      z.object({ ticket: secret(z.string()), expires_in: z.int().describe('Seconds') }),
    ),
    ...problems(401),
  },
});

export function registerTicketRoutes(app: App, deps: { db: Database }): void {
  app.openapi(create, async (c) => {
    const { ticket, expiresIn } = await issueTicket(deps, c.var.principal);
    return c.json({ ticket, expires_in: expiresIn }, 201);
  });
}
