import { expect, test } from 'vitest';
import { createApi } from '../api.ts';

const app = createApi({} as never, () => {});

test('the page for people says what every field of a request may be', async () => {
  const page = await (await app.request('/api/docs')).text();
  for (const word of [
    'max_retries',
    '0 to 100',
    'scheduled_time',
    'name</code> *',
    'created_by',
    '/api/auth/register',
    'refresh',
  ]) {
    expect(page).toContain(word);
  }
});

test('the document for machines describes routes of both functions and how to log in', async () => {
  const document = JSON.parse(await (await app.request('/api/openapi.json')).text());
  expect(document.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/api/tasks', '/api/auth/login', '/api/token/refresh']),
  );
  expect(document.components.schemas.CreateTask.required).toEqual(['name']);
});

type Described = { parameters?: { in: string; name: string }[]; requestBody?: unknown; responses: object };

test('every route says what stands before it: the key of a POST, and what a body may not be', async () => {
  const document = JSON.parse(await (await app.request('/api/openapi.json')).text());
  let posts = 0;
  for (const [path, methods] of Object.entries<Record<string, Described>>(document.paths)) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(methods)) {
      const statuses = Object.keys(responses);
      const what = `${method} ${path}`;
      if (requestBody) expect(statuses, what).toEqual(expect.arrayContaining(['400', '413', '415']));
      const keyed = method === 'post' && !/^\/api\/(?:auth|token)\//.test(`${path}/`);
      const names = parameters.filter((each) => each.in === 'header').map(({ name }) => name);
      expect(names, what).toEqual(keyed ? ['Idempotency-Key'] : []);
      if (!keyed) continue;
      posts += 1;
      expect(statuses, what).toEqual(expect.arrayContaining(['400', '401', '409', '422']));
    }
  }
  expect(posts).toBeGreaterThanOrEqual(13);
});
