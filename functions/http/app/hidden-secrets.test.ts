import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { uploadKey } from '../../tasks/imports/uploads.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';

const SECRET = 'Bearer swordfish';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let viewer: Client;
let member: Client;
let organization: string;
const ids: string[] = [];

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  [ada, viewer, member] = [await api.register(), await api.register(), await api.register()];
  organization = (await ada.ask('POST', '/api/organizations/', { name: 'Shared' })).body.id;
  await on.join({ userId: viewer.userId, sessionId: '' }, organization, 'viewer');
  await on.join({ userId: member.userId, sessionId: '' }, organization, 'member');
  const request = {
    name: 'Call',
    kind: 'http.request',
    payload: { url: 'https://example.com/', headers: { Authorization: SECRET, Accept: 'text/plain' } },
  };
  const { body: one } = await ada.ask('POST', '/api/tasks/', { ...request, organization });
  const { body: many } = await ada.ask('POST', '/api/tasks/bulk/', { organization, tasks: [request] });
  const upload = randomUUID();
  api.objects.set(uploadKey(organization, upload), Buffer.from('{}'));
  const { body: imported } = await ada.ask('POST', '/api/batches/import/', {
    organization,
    upload,
    format: 'ndjson',
    defaults: request,
  });
  expect([one.id, many.batch.id, imported.id ?? imported.batch?.id]).not.toContain(undefined);
  const { body: all } = await ada.ask('GET', `/api/tasks/?organization=${organization}`);
  ids.push(...all.results.map(({ id }: { id: string }) => id));
  expect(ids.length).toBeGreaterThanOrEqual(3);
});
afterAll(() => on.close());

/** Returns all answers to GET requests that name a task or the organization. */
async function readBy(who: Client): Promise<string> {
  const paths = [
    `/api/tasks/?organization=${organization}&fields=payload,result,error,description`,
    '/api/tasks/?fields=payload',
    ...ids.flatMap((id) => [
      `/api/tasks/${id}/`,
      `/api/tasks/${id}/?fields=payload`,
      `/api/tasks/${id}/status/`,
      `/api/tasks/${id}/attempts/`,
    ]),
    '/api/batches/',
  ];
  const answers = [];
  for (const path of paths) answers.push(await who.ask('GET', path));
  for (const { status } of answers) expect(status).toBe(200);
  return JSON.stringify(answers.map(({ body }) => body));
}

test('a viewer sees a payload without its secrets, and with everything else', async () => {
  const read = await readBy(viewer);
  expect(read).not.toContain('swordfish');
  expect(read).toContain('[hidden]');
  expect(read).toContain('text/plain');
  expect(read).toContain('https://example.com/');
});

test('a user who may retry the task sees its secrets', async () => {
  for (const who of [ada, member]) expect(await readBy(who)).toContain(SECRET);
});

test('a member who becomes a viewer no longer sees secrets', async () => {
  const path = `/api/organizations/${organization}/members/${member.userId}/`;
  expect((await ada.ask('PATCH', path, { role: 'viewer' })).status).toBe(200);
  expect(await readBy(member)).not.toContain('swordfish');
});
