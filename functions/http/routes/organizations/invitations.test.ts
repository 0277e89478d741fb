import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import {
  MAX_MEMBERS,
  MAX_MEMBERSHIPS,
  MAX_OPEN_INVITATIONS,
  MAX_OWNED,
} from '../../../organizations/quotas.ts';
import { GOVERNED_BY, RIGHTS, ROLES } from '../../../organizations/rights.ts';
import { organizationApi, type View } from '../../../organizations/testing/organization-api.ts';

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

const addressOf = ({ userId }: Member) => `${userId}@example.com`;
const invite = (who: Member, id: string, whom: Member | string, role = 'member') =>
  ask(who, 'POST', `${id}/invitations`, { email: typeof whom === 'string' ? whom : addressOf(whom), role });
const mine = async (who: Member): Promise<View[]> => (await ask(who, 'GET', '/api/invitations')).body.results;
const answer = (who: Member, id: string, how: 'accept' | 'decline') =>
  ask(who, 'POST', `/api/invitations/${id}/${how}`);
/** Creates users who are members of the organization. */
const crowd = (organizationId: string, count: number) => on.admin`
  with made as (
    insert into users (id, email, username, password_hash)
    select id, id, id, '-' from (select gen_random_uuid() as id from generate_series(1, ${count}::integer)) ids returning id
  )
  insert into memberships (organization_id, user_id, role) select ${organizationId}, id, 'member' from made`;
/** Creates organizations of which the user is a member. */
const enroll = ({ userId }: Member, count: number, role: string) => on.admin`
  with made as (
    insert into organizations (id, name) select gen_random_uuid(), 'x' from generate_series(1, ${count}::integer) returning id
  )
  insert into memberships (organization_id, user_id, role) select id, ${userId}, ${role} from made`;

describe('who may invite whom', () => {
  for (const role of ROLES) {
    for (const other of ROLES) {
      const may = GOVERNED_BY[role].includes(other);
      test(`the ${role} ${may ? 'may' : 'may not'} invite a ${other}, who is a member after accepting alone`, async () => {
        const { id, [role]: actor } = await team();
        const newcomer = await on.member();
        const invited = await invite(actor, id, addressOf(newcomer).toUpperCase(), other);
        expect(invited.status).toBe(may ? 201 : 403);
        expect(await roleOf(id, newcomer)).toBeUndefined();
        expect(await mine(newcomer)).toHaveLength(may ? 1 : 0);
        if (!may) return;
        expect(await answer(newcomer, invited.body.id, 'accept')).toMatchObject({
          status: 200,
          body: { id, role: other },
        });
        expect(await roleOf(id, newcomer)).toBe(other);
        expect((await ask(newcomer, 'DELETE', `${id}/members/${newcomer.userId}`)).status).toBe(204);
      });
    }

    const may = (RIGHTS.invite as readonly string[]).includes(role);
    test(`the ${role} ${may ? 'may' : 'may not'} list and revoke invitations`, async () => {
      const { id, owner, [role]: actor } = await team();
      const { body } = await invite(owner, id, await on.member());
      const list = await ask(actor, 'GET', `${id}/invitations`);
      expect([list.status, list.body.results?.length]).toEqual(may ? [200, 1] : [403, undefined]);
      const revoked = await ask(actor, 'DELETE', `${id}/invitations/${body.id}`);
      expect(revoked.status).toBe(may ? 204 : 403);
    });
  }

  test('an admin cannot revoke the invitation of an owner', async () => {
    const { id, owner, admin } = await team();
    const { body } = await invite(owner, id, await on.member(), 'owner');
    expect((await ask(admin, 'DELETE', `${id}/invitations/${body.id}`)).status).toBe(403);
  });
});

describe('an invitation', () => {
  test('shows the inviting user and the organization', async () => {
    const { id, owner } = await team();
    const ada = await on.member();
    const { body } = await invite(owner, id, ada);
    const list = await ask(owner, 'GET', `${id}/invitations`);
    // The inviting and the invited user see the same name.
    expect([body.invited_by, list.body.results?.[0]?.invited_by]).toEqual([
      addressOf(owner),
      addressOf(owner),
    ]);
    expect(await mine(ada)).toEqual([
      {
        id: body.id,
        organization: id,
        organization_name: 'Team',
        role: 'member',
        invited_by: addressOf(owner),
        created_at: expect.any(String),
        expires_at: expect.any(String),
      },
    ]);
  });

  test('does not name an inviting user who is no longer a member', async () => {
    const { id, owner, admin } = await team();
    await invite(admin, id, await on.member());
    expect((await ask(owner, 'DELETE', `${id}/members/${admin.userId}`)).status).toBe(204);
    const { body } = await ask(owner, 'GET', `${id}/invitations`);
    expect(body.results.map((each) => each.invited_by)).toEqual([null]);
  });

  test('to an unknown user gets the same answer as one to a user, and so does the email of a member', async () => {
    const { id, owner, viewer } = await team();
    const [ada, nobody] = [await on.member(), uuidv7()];
    const shapes = [];
    for (const email of [addressOf(ada), `${nobody}@example.com`, addressOf(viewer)]) {
      const first = await invite(owner, id, email);
      const second = await invite(owner, id, email.toUpperCase());
      shapes.push([first.status, Object.keys(first.body), second.status, second.body]);
    }
    expect(shapes[0]?.[0]).toBe(201);
    expect(shapes[1]).toEqual(shapes[0]);
    expect(shapes[2]).toEqual(shapes[0]);
    const { body } = await ask(owner, 'GET', `${id}/invitations`);
    expect(new Set(body.results.map((each) => Object.keys(each).join()))).toHaveProperty('size', 1);
  });

  test('to a username and one to its email do not show that they belong together', async () => {
    const { id, owner } = await team();
    const grace = await on.member();
    const username = `grace-${grace.userId}`;
    await on.admin`update users set username = ${username} where id = ${grace.userId}`;
    const byName = await ask(owner, 'POST', `${id}/invitations`, { username });
    const byAddress = await invite(owner, id, grace);
    expect([byName.status, byAddress.status]).toEqual([201, 201]);
    expect(JSON.stringify(byName.body)).not.toContain(addressOf(grace));
    expect((await answer(grace, byAddress.body.id, 'accept')).status).toBe(200);
    expect(await mine(grace)).toEqual([]);
  });

  test('by a username that members see is refused', async () => {
    const { id, owner, viewer } = await team();
    const again = await ask(owner, 'POST', `${id}/invitations`, { username: addressOf(viewer) });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_a_member' } });
  });

  test('to a name does not reach a user who takes the name later', async () => {
    const { id, owner } = await team();
    const late = await on.member();
    const { body } = await ask(owner, 'POST', `${id}/invitations`, { username: `late-${late.userId}` });
    await on.admin`update users set username = ${`late-${late.userId}`} where id = ${late.userId}`;
    expect(await mine(late)).toEqual([]);
    expect(await answer(late, body.id, 'accept')).toMatchObject({
      status: 404,
      body: { code: 'invitation_not_found' },
    });
  });

  test('of another user cannot be accepted or declined', async () => {
    const { id, owner } = await team();
    const { body } = await invite(owner, id, await on.member());
    const eve = await on.member();
    for (const how of ['accept', 'decline'] as const) {
      expect(await answer(eve, body.id, how)).toEqual(await answer(eve, uuidv7(), how));
    }
    expect(await roleOf(id, eve)).toBeUndefined();
  });

  test('that was declined is gone for its user, and unchanged for the inviting user', async () => {
    const { id, owner } = await team();
    const ada = await on.member();
    const { body } = await invite(owner, id, ada);
    for (let times = 0; times < 2; times += 1)
      expect((await answer(ada, body.id, 'decline')).status).toBe(204);
    expect(await mine(ada)).toEqual([]);
    expect((await ask(owner, 'GET', `${id}/invitations`)).body.results).toEqual([body]);
    expect((await invite(owner, id, ada)).body.code).toBe('already_invited');
  });

  for (const [what, end] of [
    [
      'revoked',
      (id: string, by: Member, invitation: string) => ask(by, 'DELETE', `${id}/invitations/${invitation}`),
    ],
    [
      'expired',
      (_id: string, _by: Member, invitation: string) =>
        on.admin`update invitations set expires_at = now() - interval '1 second' where id = ${invitation}`,
    ],
    [
      'made by somebody who was removed since',
      (id: string, by: Member) =>
        on.admin`delete from memberships where organization_id = ${id} and user_id = ${by.userId}`,
    ],
    [
      'made by somebody who is a member by now',
      (id: string, by: Member) =>
        on.admin`update memberships set role = 'member' where organization_id = ${id} and user_id = ${by.userId}`,
    ],
  ] as const) {
    test(`that was ${what} is not shown and cannot be accepted`, async () => {
      const { id, admin } = await team();
      const ada = await on.member();
      const { body } = await invite(admin, id, ada);
      await end(id, admin, body.id);
      expect(await mine(ada)).toEqual([]);
      expect(await answer(ada, body.id, 'accept')).toMatchObject({ status: 404 });
      expect(await roleOf(id, ada)).toBeUndefined();
    });
  }

  test('may be accepted twice, but not after the membership has ended', async () => {
    const { id, owner } = await team();
    const ada = await on.member();
    const { body } = await invite(owner, id, ada);
    expect((await answer(ada, body.id, 'accept')).status).toBe(200);
    expect((await answer(ada, body.id, 'accept')).status).toBe(200);
    await ask(owner, 'DELETE', `${id}/members/${ada.userId}`);
    expect((await answer(ada, body.id, 'accept')).status).toBe(404);
    expect((await invite(owner, id, ada)).status).toBe(201);
  });

  test('into a personal organization cannot have the role owner', async () => {
    const ada = await on.member();
    expect(await invite(ada, ada.organizationId, await on.member(), 'owner')).toMatchObject({
      status: 409,
      body: { code: 'personal_organization' },
    });
  });
});

describe('quotas hold at their edge, also for two at once', () => {
  /** Sends two requests of two sandboxes. Both wait for the same row before they count. */
  async function atOnce(
    lock: { table: 'organizations' | 'users'; id: string },
    requests: (() => Promise<{ status: number }>)[],
  ) {
    const attempts = await on.admin.begin(async (tx) => {
      await tx`select from ${tx(lock.table)} where id = ${lock.id} for update`;
      const answers = Promise.all(requests.map((send) => send()));
      const waiting = async () => {
        await tx`select pg_stat_clear_snapshot()`;
        return tx`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      };
      await expect.poll(waiting).toHaveLength(2);
      // Not awaited here: the requests continue when this transaction ends.
      return { answers };
    });
    return (await attempts.answers).map(({ status }) => status).sort();
  }
  const elsewhere = () => organizationApi(on).ask;

  test(`a user who owns ${MAX_OWNED} organizations cannot make another one`, async () => {
    const ada = await on.member();
    await enroll(ada, MAX_OWNED - 2, 'owner');
    const create = (through: typeof ask) => through(ada, 'POST', '', { name: 'Mine' });
    const there = elsewhere();
    const lock = { table: 'users', id: ada.userId } as const;
    expect(await atOnce(lock, [() => create(ask), () => create(there)])).toEqual([201, 409]);
    expect(await create(ask)).toMatchObject({
      status: 409,
      body: { code: 'too_many_organizations', limit: MAX_OWNED },
    });
  });

  test(`an organization has at most ${MAX_OPEN_INVITATIONS} open invitations`, async () => {
    const { id, owner, admin } = await team();
    for (let n = 1; n < MAX_OPEN_INVITATIONS; n += 1) {
      expect((await invite(owner, id, `nobody-${n}@example.com`)).status).toBe(201);
    }
    const there = elsewhere();
    const one = () => invite(owner, id, 'one@example.com');
    const other = () => there(admin, 'POST', `${id}/invitations`, { email: 'other@example.com' });
    expect(await atOnce({ table: 'organizations', id }, [one, other])).toEqual([201, 409]);
    expect(await invite(owner, id, 'another@example.com')).toMatchObject({
      status: 409,
      body: { code: 'too_many_invitations', limit: MAX_OPEN_INVITATIONS },
    });
    await on.admin`update invitations set expires_at = now() where organization_id = ${id}`;
    expect((await invite(owner, id, 'nobody-1@example.com')).status).toBe(201);
  });

  test(`an organization has at most ${MAX_MEMBERS} members`, async () => {
    const { id, owner } = await team();
    const [ada, bob] = [await on.member(), await on.member()];
    const [forAda, forBob] = [await invite(owner, id, ada), await invite(owner, id, bob)];
    await crowd(id, MAX_MEMBERS - 5);
    const there = elsewhere();
    const one = () => answer(ada, forAda.body.id, 'accept');
    const other = () => there(bob, 'POST', `/api/invitations/${forBob.body.id}/accept`);
    expect(await atOnce({ table: 'organizations', id }, [one, other])).toEqual([200, 409]);
    const late = (await roleOf(id, ada)) ? bob : ada;
    const invitation = late === ada ? forAda : forBob;
    expect(await answer(late, invitation.body.id, 'accept')).toMatchObject({
      status: 409,
      body: { code: 'too_many_members', limit: MAX_MEMBERS },
    });
  });

  test(`a user is a member of at most ${MAX_MEMBERSHIPS} organizations`, async () => {
    const [red, blue] = [await team(), await team()];
    const ada = await on.member();
    const [first, second] = [await invite(red.owner, red.id, ada), await invite(blue.owner, blue.id, ada)];
    await enroll(ada, MAX_MEMBERSHIPS - 2, 'viewer');
    const there = elsewhere();
    const one = () => answer(ada, first.body.id, 'accept');
    const other = () => there(ada, 'POST', `/api/invitations/${second.body.id}/accept`);
    expect(await atOnce({ table: 'users', id: ada.userId }, [one, other])).toEqual([200, 409]);
    expect(await ask(ada, 'POST', '', { name: 'Mine' })).toMatchObject({
      status: 409,
      body: { code: 'too_many_memberships', limit: MAX_MEMBERSHIPS },
    });
  });
});
