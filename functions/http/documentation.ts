import type { App } from './app.ts';
import { withCommonAnswers } from './common-answers.ts';
import * as auth from './routes/auth-descriptions.ts';

const INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Celeriac',
    version: '1.0.0',
    description: 'Schedule, watch, cancel and retry background work; follow crypto prices.',
  },
} as const;

type Schema = {
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  default?: unknown;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  $ref?: string;
  anyOf?: Schema[];
};
type Content = Record<string, { schema?: Schema }>;
type Operation = {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Content };
  responses?: Record<string, { description?: string }>;
};
type Document = { paths?: object; components?: { schemas?: object } };

/** Serves the OpenAPI 3.1 document, and a page for people that is rendered from it and loads nothing else. */
export function registerDocumentation(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  // Served by the auth function, behind the same origin.
  for (const route of Object.values(auth)) app.openAPIRegistry.registerPath(route);
  const document = () => withCommonAnswers(app.getOpenAPI31Document(INFO));
  app.get('/api/openapi.json', (c) => c.json(document()));
  app.get('/api/docs', (c) => {
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(page(document() as Document));
  });
}

function page({ paths = {}, components }: Document): string {
  const named = (components?.schemas ?? {}) as Record<string, Schema>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'Other');
  const sections = [...byTag].map(([tag, inTag]) => {
    const entries = inTag.map(({ path, method, operation }) => entry(path, method, operation, named));
    return `<h2>${escaped(tag)}</h2>${entries.join('')}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Celeriac API</title><style>${STYLE}</style>
<h1>Celeriac API</h1><p>For machines: <a href="/api/openapi.json">openapi.json</a>. Log in at <code>POST /api/auth/login/</code>
and send <code>Authorization: Bearer &lt;access&gt;</code>.</p>${sections.join('')}</html>`;
}

function entry(path: string, method: string, operation: Operation, named: Record<string, Schema>): string {
  const { summary = '', description = '', parameters = [], requestBody, responses = {} } = operation;
  const body = resolved(Object.values(requestBody?.content ?? {})[0]?.schema, named);
  const fields = [
    ...parameters.map((p) =>
      field(
        `${p.name} (${p.in})`,
        p.required ?? false,
        { ...p.schema, ...(p.description && { description: p.description }) },
        named,
      ),
    ),
    ...Object.entries(body?.properties ?? {}).map(([name, schema]) =>
      field(name, body?.required?.includes(name) ?? false, schema, named),
    ),
  ];
  const answers = Object.entries(responses).map(
    ([status, response]) => `<li><code>${escaped(status)}</code> ${text(response.description ?? '')}</li>`,
  );
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${text(summary)}</summary>
<p>${text(description)}</p>${fields.length > 0 ? `<table>${fields.join('')}</table>` : ''}<ul>${answers.join('')}</ul></details>`;
}

/** A row about one field: its name, whether it must be there, what it may be. */
function field(name: string, required: boolean, given: Schema, named: Record<string, Schema>): string {
  const schema = resolved(given, named) ?? {};
  const facts = [
    [schema.type].flat().join(' or ') || (schema.anyOf ? 'one of several' : ''),
    schema.enum && `one of ${schema.enum.join(', ')}`,
    schema.maxLength !== undefined && `at most ${schema.maxLength} characters`,
    schema.minimum !== undefined && schema.maximum !== undefined && `${schema.minimum} to ${schema.maximum}`,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    given.description ?? schema.description,
  ].filter(Boolean);
  return `<tr><td><code>${escaped(name)}</code>${required ? ' *' : ''}</td><td>${text(facts.join('; '))}</td></tr>`;
}

function resolved(schema: Schema | undefined, named: Record<string, Schema>): Schema | undefined {
  return schema?.$ref ? named[schema.$ref.split('/').at(-1) ?? ''] : schema;
}

/** Text with code in backticks. */
function text(plain: string): string {
  return escaped(plain).replace(/`([^`]*)`/g, '<code>$1</code>');
}

function escaped(plain: string): string {
  return plain.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d2b22}
h2{margin-top:2rem;border-bottom:1px solid #cdd8d0}summary{cursor:pointer;padding:.3rem 0}
b{display:inline-block;min-width:4rem;color:#2f6b45}code{background:#f1f5f2;padding:.1em .3em;border-radius:3px}
table{border-collapse:collapse}td{padding:.2rem .8rem .2rem 0;vertical-align:top}`;
