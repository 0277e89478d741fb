import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { organizationApi, type View } from '../../../organizations/testing/organization-api.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof organizationApi>;
let ask: typeof api.ask;
let team: typeof api.team;

beforeAll(async () => {
  on = await databaseFixture();
  api = organizationApi(on);
  ({ ask, team } = api);
});
afterAll(() => on.close());

describe('an organization', () => {
  test('is made with its owner and a watchlist, read, renamed and deleted', async () => {
    const ada = await on.member();
    const made = await ask(ada, 'POST', '', { name: '  Analytical Engines  ' });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'Analytical Engines', personal: false, role: 'owner' },
    });
    const { id } = made.body;
    expect(await ask(ada, 'GET', `${id}/`)).toEqual({ status: 200, body: made.body });
    expect(await on.admin`select asset from watchlists where organization_id = ${id} order by asset`).toEqual(
      [{ asset: 'bitcoin' }, { asset: 'ethereum' }],
    );
    for (const method of ['PUT', 'PATCH']) {
      const renamed = await ask(ada, method, id, { name: `By ${method}` });
      expect(renamed).toMatchObject({ status: 200, body: { id, name: `By ${method}` } });
    }
    expect((await ask(ada, 'PATCH', id, {})).body.name).toBe('By PATCH');
    expect((await ask(ada, 'DELETE', `${id}/`)).status).toBe(204);
    expect((await ask(ada, 'GET', `${id}/`)).body.code).toBe('organization_not_found');
  });

  test('is deleted with its tasks', async () => {
    const { id, owner } = await team();
    await on.admin`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt_limit)
      values (${uuidv7()}, ${id}, 'data.process', 'Task', 'interactive', 'SCHEDULED', now(), now(), now(), 0, 1)`;
    expect((await ask(owner, 'DELETE', id)).status).toBe(204);
    expect(await on.admin`select from tasks where organization_id = ${id}`).toHaveLength(0);
  });

  test('is listed in pages, newest first, with the role of the user', async () => {
    const ada = await on.member();
    const names = ['one', 'two', 'three', 'four'];
    for (const name of names) await ask(ada, 'POST', '', { name });
    const { id } = await team();
    await on.join(ada, id, 'viewer');
    const seen: View[] = [];
    let cursor = '';
    do {
      const { status, body } = await ask(ada, 'GET', `?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(status).toBe(200);
      expect(body.results.length).toBeLessThanOrEqual(2);
      seen.push(...body.results);
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(seen.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'Team viewer',
      ...names.reverse().map((name) => `${name} owner`),
      'Home owner',
    ]);
  });

  const BAD_NAMES: unknown[] = [
    '',
    '   ',
    'x'.repeat(201),
    'two\nlines',
    'a\u0007bell',
    7,
    null,
    ['x'],
    undefined,
  ];
  for (const name of BAD_NAMES) {
    test(`cannot be named ${JSON.stringify(name)?.slice(0, 30)}`, async () => {
      const ada = await on.member();
      for (const [method, path] of [
        ['POST', ''],
        ['PUT', ada.organizationId],
      ] as const) {
        const { status, body } = await ask(ada, method, path, { name });
        expect([status, body.code]).toEqual([400, 'invalid_request']);
        expect(body.errors).toContainEqual(expect.objectContaining({ in: 'body', pointer: '/name' }));
      }
      expect(await on.admin`select from organizations where created_by = ${ada.userId}`).toHaveLength(1);
    });
  }

  const BAD_REQUESTS: [string, string, unknown, string][] = [
    ['POST', '', { name: 'x', personal: true }, '/personal'],
    ['PATCH', uuidv7(), { owner: 'me' }, '/owner'],
    ['GET', 'not-a-uuid', undefined, '/id'],
    ['GET', '?cursor=nonsense', undefined, '/cursor'],
    ['GET', '?limit=0', undefined, '/limit'],
    ['GET', '?limit=101', undefined, '/limit'],
    ['GET', '?page=2', undefined, '/page'],
    ['POST', `${uuidv7()}/invitations`, { email: 'x@example.com', role: 'king' }, '/role'],
    ['POST', `${uuidv7()}/invitations`, { role: 'member' }, '/username'],
    ['POST', `${uuidv7()}/invitations`, { username: 'x', email: 'x' }, '/username'],
    ['PATCH', `${uuidv7()}/members/${uuidv7()}`, {}, '/role'],
    ['DELETE', `${uuidv7()}/members/me`, undefined, '/userId'],
  ];
  for (const [method, path, body, pointer] of BAD_REQUESTS) {
    test(`${method} /${path.replace(/[0-9a-f-]{36}/g, '…')} ${JSON.stringify(body) ?? ''} names ${pointer}`, async () => {
      const answer = await ask(await on.member(), method, path, body);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
      expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
    });
  }
});

describe('foreign and unknown organizations answer alike', () => {
  const REQUESTS: [string, string, unknown?][] = [
    ['GET', ''],
    ['PUT', '', { name: 'Mine now' }],
    ['PATCH', '', { name: 'Mine now' }],
    ['DELETE', ''],
    ['GET', '/members'],
    ['POST', '/invitations', { username: 'x', role: 'viewer' }],
    ['GET', '/invitations'],
    ['DELETE', '/invitations/USER'],
    ['PATCH', '/members/USER', { role: 'viewer' }],
    ['DELETE', '/members/USER'],
  ];
  for (const [method, path, body] of REQUESTS) {
    test(`${method} /{id}${path}`, async () => {
      const { id, owner } = await team();
      const stranger = await on.member();
      const [foreign, unknown] = await Promise.all(
        [id, uuidv7()].map((some) => ask(stranger, method, some + path.replace('USER', owner.userId), body)),
      );
      expect(foreign).toMatchObject({ status: 404, body: { code: 'organization_not_found' } });
      expect(unknown).toEqual(foreign);
      expect(await on.admin`select name from organizations where id = ${id}`).toEqual([{ name: 'Team' }]);
      expect(await api.roleOf(id, owner)).toBe('owner');
    });
  }
});
