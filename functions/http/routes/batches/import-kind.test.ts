import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { uploadKey } from '../../../tasks/imports/uploads.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let ada: Client;
let importTask: string;

beforeAll(async () => {
  on = await databaseFixture();
  const api = apiFunction(on);
  ada = await api.register();
  const upload = randomUUID();
  api.objects.set(uploadKey(ada.organizationId, upload), Buffer.from('{"name":"Task"}'));
  const begun = await ada.ask('POST', '/api/batches/import/', { upload, format: 'ndjson' });
  importTask = begun.body.task;
});
afterAll(() => on.close());

test('the tasks of imports can be listed by their kind', async () => {
  const { status, body } = await ada.ask('GET', '/api/tasks/?kind=batch.import');
  expect([status, body.results.map(({ id }: { id: string }) => id)]).toEqual([200, [importTask]]);
});

test('imports can be paused and resumed like any kind', async () => {
  expect((await ada.ask('POST', '/api/pauses/', { kind: 'batch.import' })).status).toBe(201);
  const { body } = await ada.ask('GET', `/api/tasks/${importTask}/`);
  expect(body.waiting.code).toMatch(/paused/);
  expect((await ada.ask('DELETE', '/api/pauses/kind/batch.import/')).status).toBe(204);
});

test('imports can be cancelled by a filter', async () => {
  const action = { action: 'cancel', filter: { kind: 'batch.import' }, dry_run: true };
  expect((await ada.ask('POST', '/api/bulk-actions/', action)).body).toMatchObject({ matched: 1 });
});

test('an import cannot be created without an upload', async () => {
  const { status } = await ada.ask('POST', '/api/tasks/', { name: 'Import', kind: 'batch.import' });
  expect(status).toBe(400);
});

test('“newest first” is the order of ids, whatever the times are, and pages lose nothing', async () => {
  for (const name of ['a', 'b', 'c']) await ada.ask('POST', '/api/tasks/', { name });
  // The clocks of sandboxes differ from each other and from the database's clock.
  await on.admin`update tasks set created_at = now() - (case name when 'c' then 3 else 0 end) * interval '1 hour'`;
  const names: string[] = [];
  let cursor = '';
  do {
    const { body } = await ada.ask('GET', `/api/tasks/?kind=data.process&limit=1${cursor}`);
    names.push(...body.results.map(({ name }: { name: string }) => name));
    cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
  } while (cursor);
  expect(names).toEqual(['c', 'b', 'a']);
});
