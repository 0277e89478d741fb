import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../database/enter.ts';
import { type Member, type Stand, stand } from '../../database/testing.ts';
import { GOVERNED_BY, RIGHTS, ROLES } from '../../organizations/rights.ts';
import { type App, createApp } from '../app.ts';
import { registerOrganizationRoutes } from './organizations.ts';

let on: Stand;
let app: App;

beforeAll(async () => {
  on = await stand();
  app = createApp((message, { error }) => expect.fail(`${message}: ${error}`));
  // Who asks is told by the test: tokens are the matter of authenticate.
  app.use(async (c, next) => {
    const [userId = '', sessionId = ''] = (c.req.header('principal') ?? '').split(' ');
    c.set('principal', { userId, sessionId });
    await next();
  });
  registerOrganizationRoutes(app, { db: on.as('api') });
});
afterAll(() => on.close());

type View = { id: string; name: string; code: string; results: View[]; next_cursor: string } & Record<
  string,
  unknown
>;

async function ask(
  who: Member,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: View }> {
  const response = await app.request(`/api/organizations/${path}`, {
    method,
    headers: { principal: `${who.userId} ${who.sessionId}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

/** An organization that is nobody's personal one, with one member in each role. */
async function team(): Promise<{ id: string } & Record<Role, Member>> {
  const owner = await on.member();
  const { body } = await ask(owner, 'POST', '', { name: 'Team' });
  const others = { admin: await on.member(), member: await on.member(), viewer: await on.member() };
  for (const role of ['admin', 'member', 'viewer'] as const) await on.join(others[role], body.id, role);
  return { id: body.id, owner, ...others };
}

const roleOf = async (id: string, { userId }: Member) =>
  (await on.admin`select role from memberships where organization_id = ${id} and user_id = ${userId}`)[0]
    ?.role;

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

  test('is listed in pages, newest first, with the role that one has in it', async () => {
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
    ['POST', `${uuidv7()}/members`, { email: 'x@example.com', role: 'king' }, '/role'],
    ['POST', `${uuidv7()}/members`, { role: 'member' }, '/username'],
    ['POST', `${uuidv7()}/members`, { username: 'x', email: 'x' }, '/username'],
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
    ['POST', '/members', { username: 'x', role: 'viewer' }],
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
      expect(await roleOf(id, owner)).toBe('owner');
    });
  }
});

describe('roles', () => {
  for (const role of ROLES) {
    for (const [right, method, body] of [
      ['rename', 'PATCH', { name: 'Renamed' }],
      ['delete', 'DELETE', undefined],
    ] as const) {
      const roles: readonly Role[] = RIGHTS[right];
      const may = roles.includes(role);
      test(`the ${role} ${may ? 'may' : 'may not'} ${right} the organization`, async () => {
        const { id, [role]: actor } = await team();
        const answer = await ask(actor, method, id, body);
        expect(answer.status).toBe(may ? (method === 'DELETE' ? 204 : 200) : 403);
        if (may) return;
        expect(answer.body.code).toBe('role_insufficient');
        expect(await on.admin`select name from organizations where id = ${id}`).toEqual([{ name: 'Team' }]);
      });
    }

    test(`the ${role} reads the organization and its members`, async () => {
      const { id, [role]: actor } = await team();
      expect(await ask(actor, 'GET', id)).toMatchObject({ status: 200, body: { role } });
      const { body } = await ask(actor, 'GET', `${id}/members`);
      expect(body.results.map((member) => member.role).sort()).toEqual([...ROLES].sort());
      expect(Object.keys(body.results[0] ?? {})).toEqual([
        'user_id',
        'email',
        'username',
        'name',
        'role',
        'created_at',
      ]);
    });

    for (const other of ROLES) {
      const may = GOVERNED_BY[role].includes(other);
      test(`the ${role} ${may ? 'may' : 'may not'} add a ${other}`, async () => {
        const { id, [role]: actor } = await team();
        const newcomer = await on.member();
        const answer = await ask(actor, 'POST', `${id}/members`, {
          email: `${newcomer.userId}@EXAMPLE.com`,
          role: other,
        });
        expect(answer.status).toBe(may ? 201 : 403);
        if (may) expect(answer.body).toMatchObject({ user_id: newcomer.userId, role: other });
        expect(await roleOf(id, newcomer)).toBe(may ? other : undefined);
      });

      test(`the ${role} ${may ? 'may' : 'may not'} remove another ${other}`, async () => {
        const { id, [role]: actor } = await team();
        const target = await on.member();
        await on.join(target, id, other);
        const answer = await ask(actor, 'DELETE', `${id}/members/${target.userId}`);
        expect(answer.status).toBe(may ? 204 : 403);
        expect(await roleOf(id, target)).toBe(may ? undefined : other);
      });

      for (const next of ROLES.filter((some) => some !== other)) {
        const mayChange = may && GOVERNED_BY[role].includes(next);
        test(`the ${role} ${mayChange ? 'may' : 'may not'} make another ${other} ${next}`, async () => {
          const { id, [role]: actor } = await team();
          const target = await on.member();
          await on.join(target, id, other);
          const answer = await ask(actor, 'PATCH', `${id}/members/${target.userId}`, { role: next });
          expect(answer.status).toBe(mayChange ? 200 : 403);
          expect(await roleOf(id, target)).toBe(mayChange ? next : other);
        });
      }
    }

    test(`the ${role} may leave, unless nobody else owns the organization`, async () => {
      const { id, [role]: actor } = await team();
      const leave = () => ask(actor, 'DELETE', `${id}/members/${actor.userId}`);
      if (role === 'owner') {
        expect(await leave()).toMatchObject({ status: 409, body: { code: 'last_owner' } });
        await on.join(await on.member(), id, 'owner');
      }
      expect((await leave()).status).toBe(204);
      expect((await ask(actor, 'GET', id)).status).toBe(404);
    });
  }
});

describe('an organization keeps an owner', () => {
  test('the last one cannot step down', async () => {
    const { id, owner } = await team();
    const answer = await ask(owner, 'PATCH', `${id}/members/${owner.userId}`, { role: 'admin' });
    expect(answer).toMatchObject({ status: 409, body: { code: 'last_owner' } });
    expect((await ask(owner, 'PATCH', `${id}/members/${owner.userId}`, { role: 'owner' })).status).toBe(200);
  });

  for (const [what, method, body] of [
    ['step down', 'PATCH', { role: 'viewer' }],
    ['leave', 'DELETE', undefined],
  ] as const) {
    test(`also when two ${what} at once`, async () => {
      const { id, owner } = await team();
      const second = await on.member();
      await on.join(second, id, 'owner');
      // A sandbox each: one connection would make them wait for each other.
      const elsewhere = createApp(() => {});
      elsewhere.use(async (c, next) => {
        c.set('principal', second);
        await next();
      });
      registerOrganizationRoutes(elsewhere, { db: on.as('api') });
      const [one, other] = await Promise.all([
        ask(owner, method, `${id}/members/${owner.userId}`, body),
        elsewhere.request(`/api/organizations/${id}/members/${second.userId}`, {
          method,
          headers: { 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        }),
      ]);
      expect([one.status, other.status].sort()).toEqual([body ? 200 : 204, 409]);
      const owners = await on.admin`select from memberships where organization_id = ${id} and role = 'owner'`;
      expect(owners).toHaveLength(1);
    });
  }
});

describe('a personal organization', () => {
  test('may be renamed and shared, and stays its own user’s', async () => {
    const ada = await on.member();
    const guest = await on.member();
    const home = ada.organizationId;
    expect((await ask(ada, 'PATCH', home, { name: 'Study' })).status).toBe(200);
    const invite = { username: `${guest.userId}@example.com` };
    expect((await ask(ada, 'POST', `${home}/members`, { ...invite, role: 'admin' })).status).toBe(201);
    const refused: [string, string, unknown?][] = [
      ['DELETE', home],
      ['POST', `${home}/members`, { ...invite, role: 'owner' }],
      ['PATCH', `${home}/members/${guest.userId}`, { role: 'owner' }],
      ['PATCH', `${home}/members/${ada.userId}`, { role: 'admin' }],
      ['DELETE', `${home}/members/${ada.userId}`],
    ];
    for (const [method, path, body] of refused) {
      expect(await ask(ada, method, path, body)).toMatchObject({
        status: 409,
        body: { code: 'personal_organization' },
      });
    }
    expect(await roleOf(home, ada)).toBe('owner');
  });
});

describe('adding members', () => {
  test('refuses users who do not exist and members who are there already', async () => {
    const { id, owner, viewer } = await team();
    const add = (login: object) => ask(owner, 'POST', `${id}/members/`, login);
    expect(await add({ username: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    });
    const again = await add({ email: `${viewer.userId}@example.com`, role: 'admin' });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_a_member' } });
    expect(await roleOf(id, viewer)).toBe('viewer');
  });

  test('answers for members who are not there', async () => {
    const { id, owner } = await team();
    for (const [method, body] of [['PATCH', { role: 'viewer' }], ['DELETE']] as const) {
      const answer = await ask(owner, method, `${id}/members/${uuidv7()}`, body);
      expect(answer).toMatchObject({ status: 404, body: { code: 'member_not_found' } });
    }
  });
});

test('removing a member silences the member’s WebSockets for that organization alone', async () => {
  const { id, owner, viewer } = await team();
  const socket = uuidv7();
  await on.admin`
    insert into connections (id, user_id, session_id, expires_at)
    values (${socket}, ${viewer.userId}, ${viewer.sessionId}, now() + interval '1 hour')`;
  for (const organization of [id, viewer.organizationId]) {
    const task = uuidv7();
    await on.admin`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt_limit, watchers)
      values (${task}, ${organization}, 'data.process', 'Task', 'interactive', 'SCHEDULED', now(), now(), now(), 0, 1,
        ${[socket]}::text[])`;
    await on.admin`insert into subscriptions (connection_id, task_id) values (${socket}, ${task})`;
  }
  expect((await ask(owner, 'DELETE', `${id}/members/${viewer.userId}`)).status).toBe(204);
  const watched = await on.admin`select organization_id as id from tasks where ${socket} = any (watchers)`;
  expect(watched).toEqual([{ id: viewer.organizationId }]);
});
