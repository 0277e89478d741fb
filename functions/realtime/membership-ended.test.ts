import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../database/connect.ts';
import { type DatabaseFixture, databaseFixture, type Member } from '../database/testing/database-fixture.ts';
import { removeMember } from '../organizations/operations/members.ts';
import { deleteOrganization, type OrganizationDeps } from '../organizations/operations/organizations.ts';
import * as tasks from '../tasks/store/index.ts';
import { DISPATCH, insertTask, newTask } from '../tasks/verification/fixtures.ts';
import { announcer } from './frames.ts';
import * as store from './store.ts';
import { openConnection, somebodyWaits } from './testing/connections.ts';

let on: DatabaseFixture;
let api: Database;
let socket: Database;
let worker: Database;
/** The owner of `team`, an organization that can be deleted. */
let ada: Member;
let team: string;
let bob: Member;
let carol: Member;

beforeAll(async () => {
  on = await databaseFixture();
  [api, socket, worker] = [on.as('api'), on.as('socket'), on.as('worker')];
});
beforeEach(async () => {
  [ada, bob, carol] = [await on.member(), await on.member(), await on.member()];
  team = uuidv7();
  await on.admin`insert into organizations (id, name, created_by) values (${team}, 'Team', ${ada.userId})`;
  await on.join(ada, team, 'owner');
  for (const member of [bob, carol]) await on.join(member, team, 'member');
});
afterAll(() => on.close());

const connectionOf = (member: Member) => openConnection(socket, member);

async function taskOf(member: Member, organizationId: string): Promise<string> {
  const [made] = await tasks.insert(api, {
    principal: member,
    organizationId,
    tasks: [newTask()],
    dispatch: DISPATCH,
  });
  if (!made) throw new Error('No task was made');
  return made.id;
}

async function batchOf(member: Member, organizationId: string): Promise<string> {
  const id = uuidv7();
  const batch = { id, name: 'Letters', queue: 'bulk' } as const;
  await tasks.insertBatch(api, {
    principal: member,
    organizationId,
    batch,
    tasks: [newTask({ queue: 'bulk' })],
    dispatch: DISPATCH,
  });
  return id;
}

/** Returns a function that removes members, and the frames that it posts to each connection. */
function remover(post = async () => {}) {
  const frames: { to: string; frame: Record<string, unknown> }[] = [];
  const failures: unknown[] = [];
  const { announce, membershipEnded, flush } = announcer(
    async (to, frame) => {
      await post();
      frames.push({ to, frame: JSON.parse(frame) });
      return 'sent';
    },
    (error) => failures.push(error),
  );
  const deps: OrganizationDeps = { db: api, membershipEnded };
  return { deps, announce, flush, frames, failures };
}

const endedFrame = (organization: string) => ({
  type: 'error',
  code: 'membership_ended',
  organization,
  error: expect.stringMatching(/no longer a member/),
  errors: [],
});

const ENDS: [what: string, end: (deps: OrganizationDeps) => Promise<void>][] = [
  [
    'somebody removes the member',
    (deps) => removeMember(deps, ada, { organizationId: team, userId: bob.userId }),
  ],
  ['the member leaves', (deps) => removeMember(deps, bob, { organizationId: team, userId: bob.userId })],
  ['somebody deletes the organization', (deps) => deleteOrganization(deps, ada, team)],
];
for (const [what, end] of ENDS) {
  describe(`when ${what}`, () => {
    test('each connection that watches the organization is notified once, and then gets frames of other organizations only', async () => {
      const [first, second] = [await connectionOf(bob), await connectionOf(bob)];
      const left = await taskOf(ada, team);
      const kept = await taskOf(bob, bob.organizationId);
      for (const taskId of [left, kept]) await store.watch(socket, first, taskId);
      await store.watchBatch(socket, second, await batchOf(ada, team));
      await store.watchBatch(socket, first, await batchOf(ada, team));

      const { deps, announce, flush, frames } = remover();
      await end(deps);
      await flush();
      const byConnection = (a: { to: string }, b: { to: string }) => (a.to < b.to ? -1 : 1);
      expect(frames.toSorted(byConnection)).toEqual(
        [first, second].map((to) => ({ to, frame: endedFrame(team) })).toSorted(byConnection),
      );

      frames.length = 0;
      announce((await tasks.claim(worker, { ids: [left, kept], leaseSeconds: 30, soonSeconds: 0 })).claimed);
      await flush();
      expect(frames).toEqual([
        { to: first, frame: expect.objectContaining({ id: kept, status: 'RUNNING' }) },
      ]);
    });

    test('a connection that watches nothing of the organization is not notified', async () => {
      await store.watch(socket, await connectionOf(bob), await taskOf(bob, bob.organizationId));
      await connectionOf(bob);
      const { deps, flush, frames } = remover();
      await end(deps);
      await flush();
      expect(frames).toEqual([]);
    });

    test('a frame that cannot be posted fails nothing else', async () => {
      await store.watch(socket, await connectionOf(bob), await taskOf(ada, team));
      const { deps, flush, failures } = remover(() => Promise.reject(new Error('no gateway')));
      await end(deps);
      await flush();
      expect(failures).toHaveLength(1);
      expect(
        await on.admin`
        select from memberships where organization_id = ${team} and user_id = ${bob.userId}`,
      ).toEqual([]);
    });

    test('a connection whose subscription is not committed yet is notified', async () => {
      const connection = await connectionOf(bob);
      const taskId = await taskOf(ada, team);
      const { deps, flush, frames } = remover();
      let ended: Promise<void> | undefined;
      await socket.begin(async (tx) => {
        await store.watch(tx as never, connection, taskId);
        ended = end(deps);
        await somebodyWaits(on.admin);
      });
      await ended;
      await flush();
      expect(frames).toEqual([{ to: connection, frame: endedFrame(team) }]);
    });
  });
}

test('when a member leaves, the others are not notified, and keep watching', async () => {
  const connection = await connectionOf(carol);
  const taskId = await taskOf(ada, team);
  await store.watch(socket, connection, taskId);
  const { deps, announce, flush, frames } = remover();
  await removeMember(deps, ada, { organizationId: team, userId: bob.userId });
  await flush();
  expect(frames).toEqual([]);
  announce((await tasks.claim(worker, { ids: [taskId], leaseSeconds: 30, soonSeconds: 0 })).claimed);
  await flush();
  expect(frames).toEqual([{ to: connection, frame: expect.objectContaining({ status: 'RUNNING' }) }]);
});

test('when an organization is deleted, every watching member is notified', async () => {
  const connections = await Promise.all([ada, bob, carol].map(connectionOf));
  const taskId = await taskOf(ada, team);
  for (const connection of connections) await store.watch(socket, connection, taskId);
  const { deps, flush, frames } = remover();
  await deleteOrganization(deps, ada, team);
  await flush();
  expect(frames.map(({ to }) => to).toSorted()).toEqual(connections.toSorted());
});

test('a refused removal and a refused deletion notify nobody, and end no subscription', async () => {
  const connections = [await connectionOf(ada), await connectionOf(bob)];
  const taskId = await taskOf(ada, team);
  const { id: home } = await insertTask(api, ada);
  for (const connection of connections) await store.watch(socket, connection, taskId);
  await store.watch(socket, connections[0] ?? '', home);
  const { deps, flush, frames } = remover();
  const refused: [Promise<void>, string][] = [
    [removeMember(deps, ada, { organizationId: team, userId: ada.userId }), 'last_owner'],
    [removeMember(deps, carol, { organizationId: team, userId: bob.userId }), 'role_insufficient'],
    [deleteOrganization(deps, bob, team), 'role_insufficient'],
    [deleteOrganization(deps, ada, ada.organizationId), 'personal_organization'],
  ];
  for (const [removal, code] of refused) await expect(removal).rejects.toMatchObject({ code });
  await flush();
  expect(frames).toEqual([]);
  const watched =
    await on.admin`select cardinality(watchers) as n from tasks where id in (${taskId}, ${home}) order by n`;
  expect(watched).toEqual([{ n: 1 }, { n: 2 }]);
});
