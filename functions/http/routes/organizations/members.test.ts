import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../../database/enter.ts';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { GOVERNED_BY, RIGHTS, ROLES } from '../../../organizations/rights.ts';
import { organizationApi } from '../../../organizations/testing/organization-api.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof organizationApi>;
let ask: typeof api.ask;
let team: typeof api.team;
let roleOf: typeof api.roleOf;

beforeAll(async () => {
  on = await databaseFixture();
  api = organizationApi(on);
  ({ ask, team, roleOf } = api);
});
afterAll(() => on.close());

describe('roles', () => {
  for (const role of ROLES) {
    for (const [right, method, body] of [
      ['change', 'PATCH', { name: 'Renamed' }],
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
        'username',
        'name',
        'role',
        'created_at',
      ]);
    });

    for (const other of ROLES) {
      const may = GOVERNED_BY[role].includes(other);
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
  test('the last owner cannot step down', async () => {
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
      // Each request has its own sandbox: with one shared connection, the requests would wait for each other.
      const elsewhere = organizationApi(on);
      const attempts = await on.admin.begin(async (tx) => {
        await tx`select from organizations where id = ${id} for update`;
        const requests = Promise.all([
          ask(owner, method, `${id}/members/${owner.userId}`, body),
          elsewhere.ask(second, method, `${id}/members/${second.userId}`, body),
        ]);
        const waiting = async () => {
          await tx`select pg_stat_clear_snapshot()`;
          return tx`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        };
        await expect.poll(waiting).toHaveLength(2);
        // Not awaited here: the requests continue when this transaction ends.
        return { requests };
      });
      const [one, other] = await attempts.requests;
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
    await on.join(guest, home, 'admin');
    const refused: [string, string, unknown?][] = [
      ['DELETE', home],
      ['POST', `${home}/invitations`, { ...invite, role: 'owner' }],
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

test('changes of unknown members are refused', async () => {
  const { id, owner } = await team();
  for (const [method, body] of [['PATCH', { role: 'viewer' }], ['DELETE']] as const) {
    const answer = await ask(owner, method, `${id}/members/${uuidv7()}`, body);
    expect(answer).toMatchObject({ status: 404, body: { code: 'member_not_found' } });
  }
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
