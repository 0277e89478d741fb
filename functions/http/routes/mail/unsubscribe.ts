import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import * as z from 'zod';
import type { Database } from '../../../database/connect.ts';
import { addressOfLink, MAX_TOKEN, unsubscribe } from '../../../mail/operations/unsubscribe.ts';
import type { App, AppEnv } from '../../app/app.ts';
import { open, problems } from '../../app/describe.ts';

/** The form that a mail program sends (RFC 8058, 3.1). The page's button sends the same. */
const OneClick = z.object({ 'List-Unsubscribe': z.literal('One-Click') }).meta({ id: 'OneClickUnsubscribe' });

const link = {
  path: '/api/unsubscribe/{token}',
  ...open('Mail'),
} as const;

const params = z.object({
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .max(MAX_TOKEN)
    .meta({ pattern: '^[A-Za-z0-9_-]+$' }),
});

const page = { description: 'A page', content: { 'text/html': { schema: z.string() } } };

const ask = createRoute({
  ...link,
  method: 'get',
  operationId: 'showUnsubscribePage',
  summary: 'A page with a button to unsubscribe',
  description: 'For people who follow the link of a mail. It changes nothing: programs look at links, too.',
  request: { params },
  responses: { 200: page, ...problems(400, 404) },
});

const confirm = createRoute({
  ...link,
  method: 'post',
  operationId: 'unsubscribeAddress',
  summary: 'Unsubscribe with one click',
  description:
    'For mail programs (RFC 8058). Needs no login: the link itself is the permission. Safe to repeat.',
  request: {
    params,
    body: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': { schema: OneClick },
        'multipart/form-data': { schema: OneClick },
      },
    },
  },
  responses: { 200: page, ...problems(400, 404, 413, 415) },
});

/** Registers the route by which receivers of mail unsubscribe. It needs no login. */
export function registerUnsubscribeRoutes(app: App, deps: { db: Database }): void {
  app.openapi(ask, (c) => {
    const address = escaped(addressOfLink(c.req.valid('param').token));
    const button = '<button name="List-Unsubscribe" value="One-Click">Unsubscribe</button>';
    return html(
      c,
      `<p>Shall <b>${address}</b> get no more of these mails?</p><form method="post">${button}</form>`,
    );
  });

  app.openapi(confirm, async (c) => {
    const { token } = c.req.valid('param');
    await unsubscribe(deps, token);
    return html(c, `<p><b>${escaped(addressOfLink(token))}</b> gets no more of these mails.</p>`);
  });
}

function html(c: Context<AppEnv>, body: string) {
  c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
  return c.html(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Unsubscribe</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:4rem auto;padding:0 1rem}</style>
${body}</html>`,
    200,
  );
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
