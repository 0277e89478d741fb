import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { App } from './app/app.ts';
import { answer, open } from './app/describe.ts';
import { openApiDocument } from './document/document.ts';
import { page } from './document/page.ts';
import * as auth from './routes/auth/auth-descriptions.ts';

const Served = z.looseObject({ openapi: z.string(), paths: z.looseObject({}) });

const getDocument = createRoute({
  method: 'get',
  path: '/api/openapi.json',
  operationId: 'getDocument',
  summary: 'This document',
  ...open('Documentation'),
  responses: {
    200: answer('OpenAPI 3.1', Served),
  },
});

const getPage = createRoute({
  method: 'get',
  path: '/api/docs',
  operationId: 'getDocumentationPage',
  summary: 'This document as a readable page',
  ...open('Documentation'),
  responses: {
    200: {
      description: 'A page that loads no other files',
      content: { 'text/html': { schema: z.string() } },
    },
  },
});

/** Serves the OpenAPI document, and a page that is made from it. */
export function registerDocumentation(app: App): void {
  // These routes belong to the auth function, behind the same origin.
  for (const route of Object.values(auth)) app.openAPIRegistry.registerPath(route);
  // Made at the first request for it, so that routes that are registered later are included.
  let made: ReturnType<typeof openApiDocument> | undefined;
  const document = () => {
    made ??= openApiDocument(app);
    return made;
  };
  app.openapi(getDocument, (c) => c.json(document() as object as z.infer<typeof Served>, 200));
  app.openapi(getPage, (c) => {
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(page(document()), 200);
  });
}
