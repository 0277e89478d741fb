import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { createApi } from '../api.ts';
import { LAMBDA_ANSWER_BYTES } from '../pages/page.ts';
import { openApiDocument } from './document.ts';
import { resolved, type Schema } from './openapi.ts';

const app = createApi({} as never, () => {});

test('the readable page describes every field of every request', async () => {
  const page = await (await app.request('/api/docs')).text();
  for (const word of [
    'max_retries',
    '0 to 100',
    'scheduled_time',
    'name</code> *',
    'created_by',
    '/api/auth/register',
    'refresh',
    'createTask',
    'Data Processing Task',
    'without login',
  ]) {
    expect(page).toContain(word);
  }
});

test('the OpenAPI document describes the routes of both functions and how to log in', async () => {
  const document = JSON.parse(await (await app.request('/api/openapi.json')).text());
  expect(document.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/api/tasks', '/api/auth/login', '/api/token/refresh']),
  );
  expect(document.components.schemas.CreateTask.required).toEqual(['name']);
});

test('the document and its page need at most half of the size that Lambda allows', async () => {
  for (const path of ['/api/openapi.json', '/api/docs']) {
    const body = await (await app.request(path)).text();
    expect(Buffer.byteLength(JSON.stringify(body)), path).toBeLessThan(LAMBDA_ANSWER_BYTES / 2);
  }
});

type Described = { parameters?: { in: string; name: string }[]; requestBody?: unknown; responses: object };

test('every route describes its middleware: the idempotency key of a POST, and the limits of a body', async () => {
  const document = JSON.parse(await (await app.request('/api/openapi.json')).text());
  let posts = 0;
  for (const [path, methods] of Object.entries<Record<string, Described>>(document.paths)) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(methods)) {
      const statuses = Object.keys(responses);
      const what = `${method} ${path}`;
      if (requestBody) expect(statuses, what).toEqual(expect.arrayContaining(['400', '413', '415']));
      const keyed = method === 'post' && !/^\/api\/(?:auth|token|unsubscribe)\//.test(`${path}/`);
      const names = parameters.filter((each) => each.in === 'header').map(({ name }) => name);
      expect(names, what).toEqual(keyed ? ['Idempotency-Key'] : []);
      if (!keyed) continue;
      posts += 1;
      expect(statuses, what).toEqual(expect.arrayContaining(['400', '401', '409', '422']));
    }
  }
  expect(posts).toBeGreaterThanOrEqual(13);
});

const document = openApiDocument(app);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ what: `${method} ${path}`, operation })),
);

/** The pages that replace an answer that a gateway cannot give. */
const PAGES = join(import.meta.dirname, '../../../console/errors');
const pages = readdirSync(PAGES).map((name) => JSON.parse(readFileSync(join(PAGES, name), 'utf8')));

test('every operation lists the answers of gateways, with their codes', () => {
  expect(pages.map(({ status }) => status)).toEqual(expect.arrayContaining([414, 502, 503, 504]));
  // The function at the edge answers 431 itself.
  const given = [...pages, { status: 431, code: 'headers_too_large' }];
  for (const { what, operation } of operations) {
    for (const { status, code } of given) {
      const { content } = resolved(operation.responses?.[status] ?? {}, document.components.responses);
      const { schema, example } = content?.['application/problem+json'] ?? {};
      expect([what, schema, example]).toEqual([
        what,
        { $ref: '#/components/schemas/Problem' },
        expect.objectContaining({ status, code }),
      ]);
    }
  }
});

test('every operation has its own name: a verb, then a noun', () => {
  const names = operations.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(operations.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+(?:[A-Z][a-z]+)+$/);
});

describe('examples', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'api', components: document.components });
  const faultsOf = (schema: Schema | undefined, value: unknown) => {
    const pointed = JSON.parse(
      JSON.stringify(schema ?? false).replaceAll('"#/components/', '"api#/components/'),
    );
    return ajv.validate(pointed, value) ? '' : ajv.errorsText();
  };
  for (const { what, operation } of operations) {
    test(`${what} has examples, and its schemas accept them`, () => {
      for (const { name, in: where, example, schema } of operation.parameters ?? []) {
        if (where === 'path') expect([name, example]).not.toEqual([name, undefined]);
        if (example !== undefined) expect([name, faultsOf(schema, example)]).toEqual([name, '']);
      }
      const answers = Object.entries(operation.responses ?? {}).map(([status, answer]) => [
        status,
        answer.content,
      ]);
      for (const [name, content] of [['body', operation.requestBody?.content], ...answers]) {
        for (const { schema, example } of Object.values(content ?? {})) {
          expect([name, typeof example]).not.toEqual([name, 'undefined']);
          expect([name, faultsOf(schema, example)]).toEqual([name, '']);
        }
      }
    });
  }

  test('every problem document has one', () => {
    for (const answer of Object.values(document.components.responses ?? {})) {
      for (const { schema, example } of Object.values(answer.content ?? {})) {
        expect(faultsOf(schema, example)).toBe('');
      }
    }
  });
});

test('every pattern means the same in every validator: no flags, Unicode classes or lookarounds', () => {
  const patterns = new Set<string>();
  JSON.stringify(document, (name, value) => {
    if (name === 'pattern' && typeof value === 'string') patterns.add(value);
    return value;
  });
  expect(patterns.size).toBeGreaterThanOrEqual(15);
  for (const pattern of patterns) {
    // `\d`, `\s` and `\w` mean Unicode classes in Python, but not in ECMAScript.
    expect(pattern).not.toMatch(/\\[pPdDsSwWbB]|\(\?[=!<]|\/[a-z]*$/);
    expect(pattern).toMatch(/^\^.*\$$/s);
    for (const flags of ['', 'u']) expect(() => new RegExp(pattern, flags)).not.toThrow();
  }
});

test('every link leads to an operation, and gives it existing parameters', () => {
  let count = 0;
  for (const { operation } of operations) {
    for (const { links = {} } of Object.values(operation.responses ?? {})) {
      for (const { operationId, parameters = {} } of Object.values(links)) {
        const target = operations.find((each) => each.operation.operationId === operationId)?.operation;
        const names = target?.parameters?.map(({ name }) => name);
        expect(names ?? (target ? [] : undefined)).toEqual(expect.arrayContaining(Object.keys(parameters)));
        count += 1;
      }
    }
  }
  expect(count).toBeGreaterThanOrEqual(40);
});
