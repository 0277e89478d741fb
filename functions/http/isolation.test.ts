import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { apiFunction, type Client } from './testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
let eve: Client;
let theirs: Record<string, string> & { id: string };

/** Values of path parameters that belong to no organization. */
const ANYBODYS = { asset: 'bitcoin', scope: 'kind', name: 'data.process' };

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  [ada, eve] = [await api.register(), await api.register()];
  const { body: organization } = await ada.ask('POST', '/api/organizations/', { name: 'Secret lab' });
  const { body: task } = await ada.ask('POST', '/api/tasks/', {
    name: 'Secret task',
    organization: organization.id,
    scheduled_time: new Date(Date.now() + 86_400_000).toISOString(),
  });
  const { body: bulk } = await ada.ask('POST', '/api/tasks/bulk/', {
    name: 'Secret batch',
    organization: organization.id,
    tasks: [{ name: 'Secret task', scheduled_time: new Date(Date.now() + 86_400_000).toISOString() }],
  });
  const invited = { username: 'Secret guest' };
  const { body: invitation } = await ada.ask(
    'POST',
    `/api/organizations/${organization.id}/invitations/`,
    invited,
  );
  const { body: artifact } = await ada.ask('POST', '/api/artifacts/', {
    name: 'Secret file',
    media_type: 'text/csv',
    bytes: 1,
    sha256: '0'.repeat(64),
    organization: organization.id,
  });
  api.objects.set(`artifacts/${artifact.id}`, Buffer.from('x'));
  const done = await ada.ask('POST', `/api/artifacts/${artifact.id}/complete/`);
  if (done.status !== 200) throw new Error('The artifact is not ready');
  const suppressed = { addresses: ['secret@example.org'], organization: organization.id };
  await ada.ask('POST', '/api/suppressions/', suppressed);
  theirs = {
    taskId: task.id,
    batchId: bulk.batch.id,
    id: organization.id,
    userId: ada.userId,
    invitationId: invitation.id,
    artifactId: artifact.id,
    address: 'secret@example.org',
    ...ANYBODYS,
  };
});
afterAll(() => on.close());

/** Bodies that the routes would accept from a user with the right. */
const BODIES: Record<string, unknown> = {
  'patch /api/organizations/{id}': { name: 'Mine now' },
  'put /api/organizations/{id}': { name: 'Mine now' },
  'post /api/organizations/{id}/invitations': { email: 'eve@example.com', role: 'owner' },
  'patch /api/organizations/{id}/members/{userId}': { role: 'viewer' },
  'post /api/organizations/{id}/watchlist': { asset: 'dogecoin' },
  'patch /api/tasks/{taskId}': { scheduled_time: '2027-01-01T00:00:00Z' },
};

type Operation = { method: string; path: string };

function operations(): Operation[] {
  const { paths = {} } = api.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods ?? {}).map((method) => ({ method, path })),
  );
}

async function tryOn(who: Client, { method, path }: Operation, ids: Record<string, string>) {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const camel = name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
    const id = ids[camel];
    if (id === undefined) throw new Error(`No id for ${name} of ${path}: add it to this test`);
    return id;
  });
  const body = BODIES[`${method} ${path.replace(/\{user_id\}/, '{userId}')}`];
  return who.ask(method.toUpperCase(), filled, body);
}

/** Returns everything that belongs to the other organization, read as the superuser. */
async function everything() {
  return on.admin`
    select (select json_agg(t order by t.id) from tasks t where t.organization_id = ${theirs.id}) as tasks,
      (select json_agg(b order by b.id) from batches b where b.organization_id = ${theirs.id}) as batches,
      (select json_agg(o) from organizations o where o.id = ${theirs.id}) as organization,
      (select json_agg(m) from memberships m where m.organization_id = ${theirs.id}) as members,
      (select json_agg(i) from invitations i where i.organization_id = ${theirs.id}) as invitations,
      (select json_agg(a) from artifacts a where a.organization_id = ${theirs.id}) as artifacts,
      (select json_agg(s) from suppressions s where s.organization_id = ${theirs.id}) as suppressions,
      (select json_agg(w) from watchlists w where w.organization_id = ${theirs.id}) as watchlist`;
}

describe("every route, tried on another organization's things", () => {
  test('answers 404, word for word as for things that do not exist, and changes nothing', async () => {
    const before = await everything();
    // A link for unsubscribing is itself the permission, for whoever has it.
    const targeted = operations().filter(({ path }) => path.includes('{') && !path.includes('/unsubscribe/'));
    expect(targeted.length).toBeGreaterThanOrEqual(15);
    for (const operation of targeted) {
      const foreign = await tryOn(eve, operation, theirs);
      const unknown = await tryOn(eve, operation, {
        taskId: randomUUID(),
        batchId: randomUUID(),
        id: randomUUID(),
        userId: randomUUID(),
        invitationId: randomUUID(),
        artifactId: randomUUID(),
        address: `${randomUUID()}@example.org`,
        ...ANYBODYS,
      });
      const route = `${operation.method} ${operation.path}`;
      expect([route, foreign.status]).toEqual([route, 404]);
      expect([route, foreign.body]).toEqual([route, unknown.body]);
    }
    expect(await everything()).toEqual(before);
  });

  test('a list shows nothing of it, and a filter by it is answered as unknown', async () => {
    // Excludes routes of the auth function, and routes that are open to everybody.
    const lists = operations().filter(
      ({ method, path }) => method === 'get' && /^\/api\/(?!auth|docs|openapi)[^{]*$/.test(path),
    );
    expect(lists.length).toBeGreaterThanOrEqual(4);
    const me = await api.auth.get('/api/auth/me', eve.access);
    expect(me.status).toBe(200);
    const answers = await Promise.all(lists.map(({ path }) => eve.ask('GET', path)));
    for (const { body } of [me, ...answers]) {
      expect(JSON.stringify(body)).not.toContain(theirs.id);
      expect(JSON.stringify(body)).not.toContain('Secret');
    }
    for (const [method, path] of [
      ['GET', '/api/tasks/'],
      ['GET', '/api/batches/'],
      ['GET', '/api/artifacts/'],
      ['GET', '/api/suppressions/'],
      ['GET', '/api/pauses/'],
      ['DELETE', '/api/pauses/kind/data.process/'],
    ] as const) {
      expect((await eve.ask(method, `${path}?organization=${theirs.id}`)).status).toBe(404);
    }
    const bulk = { tasks: [{ name: 'x' }], organization: theirs.id };
    expect((await eve.ask('POST', '/api/tasks/bulk/', bulk)).status).toBe(404);
    const pause = { kind: 'data.process', organization: theirs.id };
    expect((await eve.ask('POST', '/api/pauses/', pause)).status).toBe(404);
    expect((await eve.ask('POST', '/api/tasks/', { name: 'x', organization: theirs.id })).status).toBe(404);
  });
});
