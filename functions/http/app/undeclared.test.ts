import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { createApi } from '../api.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';

/* Takes every route from the application's registry, so that new routes are tested too. */

type Route = {
  method: string;
  path: string;
  request?: { body?: { content: object }; query?: unknown };
};

/** Returns true for a route that takes a form, and no JSON. It has tests of its own. */
const takesForm = ({ request }: Route) =>
  request?.body !== undefined && !('application/json' in request.body.content);

/** The api function documents the routes of the auth function, so its registry contains all routes. */
const ROUTES: Route[] = createApi({} as never, () => {}).openAPIRegistry.definitions.flatMap((each) =>
  each.type === 'route' ? [each.route as Route] : [],
);
const AUTH = /^\/(?:api\/(?:auth|token)\b|\.well-known)/;

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let ids: Record<string, string>;
let before: unknown;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
  const { body: organization } = await ada.ask('POST', '/api/organizations/', { name: 'Lab' });
  const later = { name: 'Task', scheduled_time: new Date(Date.now() + 86_400_000).toISOString() };
  const { body: task } = await ada.ask('POST', '/api/tasks/', later);
  const { body: bulk } = await ada.ask('POST', '/api/tasks/bulk/', { tasks: [later] });
  const { body: invitation } = await ada.ask('POST', `/api/organizations/${organization.id}/invitations/`, {
    username: 'guest',
  });
  const file = { name: 'a.txt', media_type: 'text/plain', bytes: 1, sha256: '0'.repeat(64) };
  const { body: artifact } = await ada.ask('POST', '/api/artifacts/', file);
  await ada.ask('POST', '/api/suppressions/', { addresses: ['bob@example.org'] });
  await ada.ask('POST', '/api/pauses/', { queue: 'bulk' });
  await ada.ask('POST', `/api/organizations/${organization.id}/watchlist/`, { asset: 'dogecoin' });
  ids = {
    id: organization.id,
    userId: ada.userId,
    taskId: task.id,
    batchId: bulk.batch.id,
    artifactId: artifact.id,
    invitationId: invitation.id,
    asset: 'dogecoin',
    address: 'bob@example.org',
    token: 'A'.repeat(64),
    scope: 'queue',
    name: 'bulk',
  };
  before = await everything();
});
afterAll(() => on.close());

async function everything() {
  const tables = [
    'tasks',
    'batches',
    'artifacts',
    'organizations',
    'memberships',
    'invitations',
    'watchlists',
    'pauses',
    'suppressions',
    'refresh_tokens',
  ];
  return Promise.all(
    tables.map((name) => on.admin.unsafe(`select '${name}' as table, t::text from "${name}" t order by 2`)),
  );
}

async function send({ method, path }: Route, search: string, body?: string) {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`No value for ${name} of ${path}: add it to this test`);
    return id;
  });
  const app = AUTH.test(path) ? api.auth.app : api.app;
  const response = await app.request(`${filled}/${search}`, {
    method: method.toUpperCase(),
    headers: {
      authorization: `Bearer ${ada.access}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const { errors = [] } = text === '' ? {} : JSON.parse(text);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    named: errors.map((each: { in: string; pointer: string }) => `${each.in} ${each.pointer}`),
  };
}

const refused = (name: string) => ({
  status: 400,
  type: 'application/problem+json',
  named: expect.arrayContaining([name]),
});

describe('undeclared parameters and fields are refused by name, and nothing happens', () => {
  test('the registry has the routes', () => expect(ROUTES.length).toBeGreaterThanOrEqual(40));

  for (const route of ROUTES.filter((each) => !takesForm(each))) {
    const name = `${route.method.toUpperCase()} ${route.path}`;
    test(`${name}: an unknown query parameter`, async () => {
      expect(await send(route, '?surprise=1')).toEqual(refused('query /surprise'));
    });
    if (route.method === 'get') continue;
    test(`${name}: an unknown field of the body`, async () => {
      expect(await send(route, '', '{"surprise":true}')).toEqual(refused('body /surprise'));
    });
    for (const body of ['[]', 'null', '"text"', '7']) {
      test(`${name}: a body that is no object, ${body}`, async () => {
        expect(await send(route, '', body)).toEqual(refused('body '));
      });
    }
  }

  test('none of these requests changed anything', async () => expect(await everything()).toEqual(before));
});

describe('dry_run', () => {
  /** Routes that change many rows at once. */
  const DRY: [request: string, body: object | undefined, counted: object][] = [
    [
      'POST /api/batches/{batchId}/cancel/',
      { dry_run: true },
      { matched: 1, changed: 0, stopping: 0, complete: true },
    ],
    [
      'POST /api/batches/{batchId}/retry/',
      { dry_run: true },
      { matched: 0, changed: 0, stopping: 0, complete: true },
    ],
    [
      'POST /api/bulk-actions/',
      { action: 'cancel', filter: { status: 'SCHEDULED' }, dry_run: true },
      { matched: 2, changed: 0, stopping: 0, complete: true },
    ],
    ['DELETE /api/organizations/{id}/?dry_run=true', undefined, { tasks: 0, batches: 0, members: 1 }],
  ];
  for (const [request, body, counted] of DRY) {
    test(`${request} reports the counts and changes nothing`, async () => {
      const [method = '', path = ''] = request.split(' ');
      const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? '');
      const answer = await ada.ask(method, filled, body);
      expect([answer.status, answer.body]).toEqual([200, expect.objectContaining(counted)]);
      expect(await everything()).toEqual(before);
    });
  }

  test('the list contains every route with dry_run', () => {
    const document = createApi({} as never, () => {}).getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: '', version: '' },
    });
    const schemas = document.components?.schemas as Record<string, { properties?: object }>;
    const taking = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { parameters?: { name: string }[]; requestBody?: object }>)
        .filter(([, { parameters = [], requestBody = {} }]) => {
          const [, name = ''] = /#\/components\/schemas\/(\w+)/.exec(JSON.stringify(requestBody)) ?? [];
          return (
            'dry_run' in (schemas[name]?.properties ?? {}) ||
            parameters.some((each) => each.name === 'dry_run')
          );
        })
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(taking.sort()).toEqual(DRY.map(([request]) => request.replace(/\/(?:\?.*)?$/, '')).sort());
  });

  test('a dry run is refused whenever the deletion would be refused', async () => {
    const answer = await ada.ask('DELETE', `/api/organizations/${ada.organizationId}/?dry_run=true`);
    expect([answer.status, answer.body.code]).toEqual([409, 'personal_organization']);
  });
});
