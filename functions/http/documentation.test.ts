import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import { registerDocumentation } from './documentation.ts';
import { registerTaskRoutes } from './routes/tasks.ts';

const app = createApp(() => {});
registerTaskRoutes(app, {} as never);
registerDocumentation(app);

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
