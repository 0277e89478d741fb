import type { App } from './app.ts';
import * as auth from './routes/auth-descriptions.ts';

const INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Celeriac',
    version: '1.0.0',
    description: 'Schedule, watch, cancel and retry background work; follow crypto prices.',
  },
} as const;

type Operation = {
  summary?: string;
  description?: string;
  tags?: string[];
  responses?: Record<string, { description?: string }>;
};

/** Serves the OpenAPI 3.1 document, and a page for people that is rendered from it and loads nothing else. */
export function registerDocumentation(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  // Served by the auth function, behind the same origin.
  for (const route of Object.values(auth)) app.openAPIRegistry.registerPath(route);
  app.get('/api/openapi.json', (c) => c.json(app.getOpenAPI31Document(INFO)));
  app.get('/api/docs', (c) => {
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(page(app.getOpenAPI31Document(INFO).paths ?? {}));
  });
}

function page(paths: object): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'Other');
  const sections = [...byTag].map(
    ([tag, inTag]) =>
      `<h2>${escaped(tag)}</h2>${inTag.map(({ path, method, operation }) => entry(path, method, operation)).join('')}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Celeriac API</title><style>${STYLE}</style>
<h1>Celeriac API</h1><p>For machines: <a href="/api/openapi.json">openapi.json</a>. Log in at <code>POST /api/auth/login/</code>
and send <code>Authorization: Bearer &lt;access&gt;</code>.</p>${sections.join('')}</html>`;
}

function entry(
  path: string,
  method: string,
  { summary = '', description = '', responses = {} }: Operation,
): string {
  const answers = Object.entries(responses).map(
    ([status, response]) => `<li><code>${escaped(status)}</code> ${escaped(response.description ?? '')}</li>`,
  );
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>
<p>${escaped(description)}</p><ul>${answers.join('')}</ul></details>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d2b22}
h2{margin-top:2rem;border-bottom:1px solid #cdd8d0}summary{cursor:pointer;padding:.3rem 0}
b{display:inline-block;min-width:4rem;color:#2f6b45}code{background:#f1f5f2;padding:.1em .3em;border-radius:3px}`;
