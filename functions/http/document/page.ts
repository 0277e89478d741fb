import { ERROR_CODES } from '../app/error-codes.ts';
import { type Answer, type Media, type OpenApi, type Operation, resolved, type Schema } from './openapi.ts';

type Components = OpenApi['components'];

/**
 * Returns an HTML page of every operation with its fields, examples and answers. The page needs no script and no other
 * file.
 */
export function page({ paths, tags = [], components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? '');
  const sections = tags.map(({ name, description }) => {
    const entries = byTag.get(name) ?? [];
    const shown = entries.map(({ path, method, operation }) =>
      entry(`<b>${method.toUpperCase()}</b> <code>${escaped(path)}</code>`, operation, components),
    );
    return `<h2>${escaped(name)}</h2><p>${text(description)}</p>${shown.join('')}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Celeriac API</title><style>${STYLE}</style>
<h1>Celeriac API</h1><p>For machines: <a href="/api/openapi.json">openapi.json</a>. Log in at <code>POST /api/auth/login/</code>
and send <code>Authorization: Bearer &lt;access&gt;</code>.</p>${sections.join('')}${errorCodes()}</html>`;
}

/** Returns a table of all values of `code` in a problem document. */
function errorCodes(): string {
  const rows = ERROR_CODES.map(
    ({ status, code, meaning }) =>
      `<tr><td>${status}</td><td><code>${escaped(code)}</code></td><td>${text(meaning)}</td></tr>`,
  );
  return `<h2>Errors</h2><p>Errors are problem documents (RFC 9457). Their <code>code</code> is one of these:</p>
<table>${rows.join('')}</table>`;
}

function entry(heading: string, operation: Operation, components: Components): string {
  const { operationId = '', summary = '', description = '', security = [] } = operation;
  const { parameters = [], requestBody, responses = {} } = operation;
  const body = Object.values(requestBody?.content ?? {})[0];
  const schema = body?.schema && resolved(body.schema, components.schemas);
  const fields = [
    ...parameters.map(({ name, in: where, required = false, description: about, schema: given = {} }) =>
      fieldRow({
        name: `${name} (${where})`,
        required,
        given: { ...given, ...(about && { description: about }) },
        components,
      }),
    ),
    ...Object.entries(schema?.properties ?? {}).map(([name, given]) =>
      fieldRow({ name, required: schema?.required?.includes(name) ?? false, given, components }),
    ),
  ];
  const answers = Object.entries(responses).map(([status, response]) =>
    answer(status, resolved(response, components.responses)),
  );
  return `<details id="${escaped(operationId)}"><summary>${heading} ${text(summary)}</summary>
<p><code>${escaped(operationId)}</code>${security.length === 0 ? ', without login' : ''}. ${text(description)}</p>
${fields.length > 0 ? `<table>${fields.join('')}</table>` : ''}${example('Request', body)}<ul>${answers.join('')}</ul></details>`;
}

function answer(status: string, { description = '', headers = {}, content = {} }: Answer): string {
  const names = Object.keys(headers).map((name) => `<code>${escaped(name)}</code>`);
  const [media] = Object.values(content);
  // All problem documents have the same form, so only successes get an example.
  const shown = Number(status) < 400 ? example('', media) : '';
  return `<li><code>${escaped(status)}</code> ${text(description)}${names.length > 0 ? `; ${names.join(', ')}` : ''}${shown}</li>`;
}

function example(heading: string, media: Media | undefined): string {
  if (media?.example === undefined) return '';
  const title = heading && `<p>${heading}</p>`;
  return `${title}<pre>${escaped(JSON.stringify(media.example, null, 2))}</pre>`;
}

/** Returns a row about one field: its name, if it is required, and its allowed values. */
function fieldRow({
  name,
  required,
  given,
  components,
}: {
  name: string;
  required: boolean;
  given: Schema;
  components: Components;
}): string {
  const schema = resolved(given, components.schemas);
  const facts = [
    [schema.type].flat().join(' or ') || (schema.anyOf ? 'one of several' : ''),
    schema.enum && `one of ${schema.enum.join(', ')}`,
    schema.maxLength !== undefined && `at most ${schema.maxLength} characters`,
    schema.minimum !== undefined && schema.maximum !== undefined && `${schema.minimum} to ${schema.maximum}`,
    schema.minItems !== undefined &&
      schema.maxItems !== undefined &&
      `${schema.minItems} to ${schema.maxItems} items`,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    given.description ?? schema.description,
  ].filter(Boolean);
  return `<tr><td><code>${escaped(name)}</code>${required ? ' *' : ''}</td><td>${text(facts.join('; '))}</td></tr>`;
}

/** Escapes text and formats code in backticks. */
function text(plain: string): string {
  return escaped(plain).replace(/`([^`]*)`/g, '<code>$1</code>');
}

function escaped(plain: string): string {
  return plain.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d2b22}
h2{margin-top:2rem;border-bottom:1px solid #cdd8d0}summary{cursor:pointer;padding:.3rem 0}
b{display:inline-block;min-width:4rem;color:#2f6b45}code,pre{background:#f1f5f2;padding:.1em .3em;border-radius:3px}
pre{overflow-x:auto;font-size:.85rem}table{border-collapse:collapse}td{padding:.2rem .8rem .2rem 0;vertical-align:top}`;
