import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { uploadKey } from '../../tasks/imports/uploads.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

const keyed = (path: string, body: object | undefined, key: string) =>
  ada.ask('POST', path, body, { 'idempotency-key': key });
const organization = async () => (await ada.ask('POST', '/api/organizations/', { name: 'Other' })).body.id;
const task = async () => (await ada.ask('POST', '/api/tasks/', { name: 'Task' })).body.id;
const batch = async () =>
  (await ada.ask('POST', '/api/tasks/bulk/', { tasks: [{ name: 'Task' }] })).body.batch.id;

const FILE = { name: 'x.csv', media_type: 'text/csv', bytes: 1, sha256: '0'.repeat(64) };

/** A successful request for every POST route of the API. */
const REQUESTS: Record<string, () => Promise<[path: string, body?: object]>> = {
  '/api/tasks': async () => ['/api/tasks/', { name: 'Task' }],
  '/api/tasks/bulk': async () => ['/api/tasks/bulk/', { tasks: [{ name: 'Task' }] }],
  '/api/tasks/{taskId}/cancel': async () => [`/api/tasks/${await task()}/cancel/`],
  '/api/tasks/{taskId}/retry': async () => {
    const id = await task();
    await ada.ask('POST', `/api/tasks/${id}/cancel/`);
    return [`/api/tasks/${id}/retry/`];
  },
  '/api/batches/{batchId}/cancel': async () => [`/api/batches/${await batch()}/cancel/`],
  '/api/batches/{batchId}/retry': async () => [`/api/batches/${await batch()}/retry/`],
  '/api/batches/import': async () => {
    const upload = randomUUID();
    api.objects.set(uploadKey(ada.organizationId, upload), Buffer.from('{"name":"Task"}'));
    return ['/api/batches/import/', { upload, format: 'ndjson' }];
  },
  '/api/artifacts': async () => ['/api/artifacts/', FILE],
  '/api/artifacts/{artifactId}/complete': async () => {
    const { body } = await ada.ask('POST', '/api/artifacts/', FILE);
    api.objects.set(`artifacts/${body.id}`, Buffer.from('x'));
    return [`/api/artifacts/${body.id}/complete/`];
  },
  '/api/uploads': async () => ['/api/uploads/', { format: 'csv', bytes: 7 }],
  '/api/bulk-actions': async () => [
    '/api/bulk-actions/',
    { action: 'cancel', filter: { kind: 'http.request' } },
  ],
  '/api/suppressions': async () => ['/api/suppressions/', { addresses: ['bob@example.org'] }],
  '/api/pauses': async () => ['/api/pauses/', { kind: 'http.request' }],
  '/api/ws-tickets': async () => ['/api/ws-tickets/'],
  '/api/organizations': async () => ['/api/organizations/', { name: 'Mine' }],
  '/api/organizations/{id}/invitations': async () => {
    const { body } = await (await api.register()).ask('GET', '/api/organizations/');
    const username = body.results[0].name.replace(/'s organization$/, '');
    return [`/api/organizations/${await organization()}/invitations/`, { username }];
  },
  '/api/invitations/{invitationId}/accept': async () => [`/api/invitations/${await invitation()}/accept/`],
  '/api/invitations/{invitationId}/decline': async () => [`/api/invitations/${await invitation()}/decline/`],
  '/api/organizations/{id}/watchlist': async () => [
    `/api/organizations/${ada.organizationId}/watchlist/`,
    { asset: 'ethereum' },
  ],
};

/** Creates an invitation that Ada may answer. */
async function invitation(): Promise<string> {
  const bob = await api.register();
  const [{ username }] = (await ada.ask('GET', `/api/organizations/${ada.organizationId}/members/`)).body
    .results;
  const { body: made } = await bob.ask('POST', '/api/organizations/', { name: 'His' });
  return (await bob.ask('POST', `/api/organizations/${made.id}/invitations/`, { username })).body.id;
}

/** Returns the texts of an answer that may give access by themselves: signed URLs, and long random texts. */
function suspects(answer: unknown): string[] {
  if (typeof answer === 'string') {
    const isSuspect = /^https?:.*[?]/.test(answer) || /^(?=.*\d)(?=.*[A-Z])[\w.-]{30,}$/.test(answer);
    return isSuspect ? [answer] : [];
  }
  return typeof answer === 'object' && answer !== null ? Object.values(answer).flatMap(suspects) : [];
}

test('no answer of a POST leaves a secret in the database', async () => {
  const { body: description } = await ada.ask('GET', '/api/openapi.json');
  // A link for unsubscribing takes a form without a login, and answers with a page.
  const paths = Object.entries(description.paths as Record<string, object>)
    .filter(([path, methods]) => 'post' in methods && !/^\/api\/(?:auth|token|unsubscribe)\b/.test(path))
    .map(([path]) => path);
  expect(Object.keys(REQUESTS).sort()).toEqual(paths.sort());
  const seen: string[] = [];
  for (const request of Object.values(REQUESTS)) {
    const [path, body] = await request();
    const answer = await keyed(path, body, randomUUID());
    expect(answer.status, `${path} ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    seen.push(...suspects(answer.body));
  }
  expect(seen.length).toBeGreaterThanOrEqual(2);
  const [row] = await on.admin<{ stored: string }[]>`
    select string_agg(k::text, ' ') || coalesce((select string_agg(t::text, ' ') from ws_tickets t), '') as stored
    from idempotency_keys k`;
  expect(seen.filter((text) => row?.stored.includes(text))).toEqual([]);
});

test('a repeated request for a ticket gets a new ticket', async () => {
  const key = randomUUID();
  const [first, again] = [
    await keyed('/api/ws-tickets/', undefined, key),
    await keyed('/api/ws-tickets/', undefined, key),
  ];
  expect([first.status, again.status]).toEqual([201, 201]);
  expect(again.body.ticket).not.toBe(first.body.ticket);
  expect(again.headers.get('idempotent-replayed')).toBeNull();
});

test('a repeated request for an upload gets an address of the same upload, and another request is refused', async () => {
  const key = randomUUID();
  const body = { format: 'csv', bytes: 7 };
  const first = await keyed('/api/uploads/', body, key);
  expect((await keyed('/api/uploads/', body, key)).body.id).toBe(first.body.id);
  expect(await keyed('/api/uploads/', { ...body, bytes: 8 }, key)).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
});

test('a replay is refused to a user who has left the organization meanwhile', async () => {
  const bob = await api.register();
  const { body: made } = await ada.ask('POST', '/api/organizations/', { name: 'Shared' });
  await on.join({ userId: bob.userId, sessionId: '' }, made.id, 'member');
  const key = { 'idempotency-key': randomUUID() };
  const create = () => bob.ask('POST', '/api/tasks/', { name: 'Task', organization: made.id }, key);
  expect((await create()).status).toBe(201);
  expect((await create()).headers.get('idempotent-replayed')).toBe('true');
  await ada.ask('DELETE', `/api/organizations/${made.id}/members/${bob.userId}/`);
  expect(await create()).toMatchObject({ status: 404, body: { code: 'organization_not_found' } });
});

test('a user who became a viewer gets a replay, but no upload address', async () => {
  const bob = await api.register();
  const { body: made } = await ada.ask('POST', '/api/organizations/', { name: 'Shared' });
  await on.join({ userId: bob.userId, sessionId: '' }, made.id, 'member');
  const [taskKey, addressKey] = [randomUUID(), randomUUID()];
  const create = () =>
    bob.ask('POST', '/api/tasks/', { name: 'Task', organization: made.id }, { 'idempotency-key': taskKey });
  const upload = () =>
    bob.ask(
      'POST',
      '/api/uploads/',
      { format: 'csv', bytes: 7, organization: made.id },
      { 'idempotency-key': addressKey },
    );
  const task = await create();
  expect([task.status, (await upload()).status]).toEqual([201, 201]);
  await ada.ask('PATCH', `/api/organizations/${made.id}/members/${bob.userId}/`, { role: 'viewer' });
  expect((await create()).body).toEqual(task.body);
  expect((await bob.ask('GET', `/api/tasks/${task.body.id}/`)).status).toBe(200);
  expect(await upload()).toMatchObject({ status: 403, body: { code: 'role_insufficient' } });
});
