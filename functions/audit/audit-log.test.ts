import type { LambdaEvent } from 'hono/aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { insertRows } from '../database/testing/rows.ts';
import { apiFunction, type Client } from '../http/testing/api-function.ts';
import { newcomer } from '../identity/testing/auth-function.ts';
import { sweepAuditLog } from './sweep.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

type Entry = { id: string; action: string; actor: string; target: string; details: object; address: string };

// biome-ignore lint/suspicious/noExplicitAny: a test reads any member of the answer, and fails where the member is missing
const json = (response: Response): Promise<any> => response.json();

const pathOf = (organization: string) => `/api/organizations/${organization}/audit-log/`;
/** Returns the audit log, oldest entry first. */
const log = async (who: Client, organization: string): Promise<Entry[]> =>
  (await who.ask('GET', pathOf(organization))).body.results.toReversed();

test('a user finds registration, logins, failures, logouts and stolen tokens in the personal organization, with addresses', async () => {
  const who = newcomer();
  const { body } = await api.auth.from('198.51.100.1', '/api/auth/register/', who);
  const { username, password } = who;
  await api.auth.from('198.51.100.2', '/api/token/', { username, password: 'wrong wrong' });
  const { body: login } = await api.auth.from('198.51.100.3', '/api/auth/login/', { username, password });
  await api.auth.from('198.51.100.4', '/api/auth/refresh/', { refresh: login.refresh });
  await on.admin`update refresh_tokens set used_at = used_at - interval '1 minute'`;
  await api.auth.from('198.51.100.5', '/api/auth/refresh/', { refresh: login.refresh });
  const { body: another } = await api.auth.from('198.51.100.6', '/api/token/', { username, password });
  for (const _time of ['once', 'again']) {
    await api.auth.from('198.51.100.7', '/api/auth/logout/', { refresh: another.refresh });
  }
  const headers = { authorization: `Bearer ${body.access}` };
  const organizations = await json(await api.app.request('/api/organizations/', { headers }));
  const answer = await api.app.request(pathOf(organizations.results[0].id), { headers });
  const entries: Entry[] = (await json(answer)).results.toReversed();
  expect(entries.map(({ action, address }) => [action, address])).toEqual([
    ['user.registered', '198.51.100.1'],
    ['session.refused', '198.51.100.2'],
    ['session.started', '198.51.100.3'],
    ['session.token_reused', '198.51.100.5'],
    ['session.started', '198.51.100.6'],
    ['session.ended', '198.51.100.7'],
  ]);
  for (const { actor } of entries) expect(actor).toBe(body.user.id);
});

test('a login with an unknown name is logged for operators', async () => {
  await api.auth.from('198.51.100.8', '/api/token/', { username: 'nobody at all', password: 'wrong wrong' });
  const rows = await on.admin`
    select organization_id, actor_id, action, address from audit_log where address = '198.51.100.8'`;
  expect([...rows]).toEqual([
    { organization_id: null, actor_id: null, action: 'session.refused', address: '198.51.100.8' },
  ]);
});

test('a new signing key is logged once', async () => {
  const rows = await on.admin`
    select target in (select kid from signing_keys) as known from audit_log where action = 'signing_key.published'`;
  expect([...rows]).toEqual([{ known: true }]);
});

test('changes of organizations, roles and pauses are in the audit log with actor, target and address', async () => {
  const bob = await api.register();
  const event = { requestContext: { http: { sourceIp: '203.0.113.9' } } } as LambdaEvent;
  const ask = (method: string, path: string, body?: object) =>
    api.app.request(
      path,
      {
        method,
        headers: {
          authorization: `Bearer ${ada.access}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      },
      { event },
    );
  const { id } = await json(await ask('POST', '/api/organizations/', { name: 'Lab' }));
  await ask('PATCH', `/api/organizations/${id}/`, { name: 'Labs', max_running: 3 });
  await on.join({ userId: bob.userId, sessionId: '' }, id, 'member');
  await ask('PATCH', `/api/organizations/${id}/members/${bob.userId}/`, { role: 'viewer' });
  await ask('POST', '/api/pauses/', { organization: id, kind: 'http.request' });
  await ask('DELETE', `/api/pauses/kind/http.request/?organization=${id}`);
  await ask('DELETE', `/api/organizations/${id}/members/${bob.userId}/`);
  const entries = await log(ada, id);
  expect(entries.map(({ action, target, details }) => [action, target, details])).toEqual([
    ['organization.created', null, {}],
    ['organization.changed', null, { name: 'Labs', max_running: 3 }],
    ['member.role_changed', bob.userId, { from: 'member', to: 'viewer' }],
    ['pause.added', 'kind http.request', {}],
    ['pause.removed', 'kind http.request', {}],
    ['member.removed', bob.userId, { role: 'viewer' }],
  ]);
  for (const entry of entries) {
    expect(entry).toMatchObject({ actor: ada.userId, address: '203.0.113.9' });
    expect(entry).toHaveProperty('actor_username', expect.any(String));
  }
  await ask('DELETE', `/api/organizations/${id}/`);
  const kept =
    await on.admin`select action from audit_log where organization_id = ${id} order by id desc limit 1`;
  expect([...kept]).toEqual([{ action: 'organization.deleted' }]);
});

test('a refused change is not in the audit log', async () => {
  const { body: made } = await ada.ask('POST', '/api/organizations/', { name: 'Quiet' });
  const viewer = await api.register();
  await on.join({ userId: viewer.userId, sessionId: '' }, made.id, 'viewer');
  expect((await viewer.ask('PATCH', `/api/organizations/${made.id}/`, { name: 'Mine' })).status).toBe(403);
  expect((await log(ada, made.id)).map(({ action }) => action)).toEqual(['organization.created']);
});

test('owners and admins read the audit log page by page, others are refused', async () => {
  const { body: made } = await ada.ask('POST', '/api/organizations/', { name: 'Paged' });
  for (const name of ['One', 'Two', 'Three']) {
    await ada.ask('PATCH', `/api/organizations/${made.id}/`, { name });
  }
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body }: { body: { results: Entry[]; next_cursor: string | null } } = await ada.ask(
      'GET',
      `${pathOf(made.id)}?limit=2${cursor && `&cursor=${cursor}`}`,
    );
    seen.push(...body.results.map(({ id }) => id));
    cursor = body.next_cursor;
  }
  expect(seen).toHaveLength(4);
  expect(seen).toEqual(seen.toSorted().toReversed());
  for (const [role, status] of [
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const) {
    const other = await api.register();
    await on.join({ userId: other.userId, sessionId: '' }, made.id, role);
    expect([role, (await other.ask('GET', pathOf(made.id))).status]).toEqual([role, status]);
  }
  expect((await (await api.register()).ask('GET', pathOf(made.id))).status).toBe(404);
});

test('entries are kept for 90 days', async () => {
  const member = await on.member();
  await insertRows(on.admin, member);
  const age = (days: number) => on.admin`
    update audit_log set at = now() - ${days} * interval '1 day' - interval '1 minute' where actor_id = ${member.userId}`;
  const left = async () => (await on.admin`select from audit_log where actor_id = ${member.userId}`).length;
  await age(89);
  await sweepAuditLog({ db: on.as('dispatcher') }, () => true);
  expect(await left()).toBe(1);
  await age(90);
  await sweepAuditLog({ db: on.as('dispatcher') }, () => true);
  expect(await left()).toBe(0);
});
