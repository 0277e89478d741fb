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
  summary: 'Create a ticket: a login for one WebSocket connection',
  description: 'Connect to `/ws?ticket=…` or `/ws/tasks/<id>/?ticket=…`',
  ...secured('WebSocket'),
  responses: {
    201: answer(
      'The ticket. It can be used once',
      z.object({
        ticket: secret(z.string()),
        expires_in: z.int().describe('Seconds until the ticket expires'),
      }),
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
