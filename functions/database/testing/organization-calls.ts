import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import * as organizations from '../../organizations/store/index.ts';
import { type CallSetup, stranger } from './call-setup.ts';
import { type Calls, mine } from './calls.ts';

/** Creates a further member of the setup's organization. */
async function colleague(setup: CallSetup): Promise<string> {
  const { organizationId } = setup.member;
  const userId = await stranger(setup);
  await setup.admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, 'viewer')`;
  return userId;
}

/** Creates an invitation: into the setup's organization for nobody, or into another organization for the setup's member. */
async function invitation(setup: CallSetup, of: 'nobody' | 'me' = 'nobody'): Promise<string> {
  const id = uuidv7();
  const { userId, organizationId } = of === 'me' ? await elsewhere(setup) : setup.member;
  await setup.admin`
    insert into invitations (id, organization_id, username, user_id, role, invited_by, expires_at)
    values (${id}, ${organizationId}, ${id}, ${of === 'me' ? setup.member.userId : null}, 'member', ${userId}, now() + interval '1 day')`;
  return id;
}

/** Creates another user with an organization. */
async function elsewhere(setup: CallSetup): Promise<{ userId: string; organizationId: string }> {
  const [userId, organizationId] = [await stranger(setup), uuidv7()];
  await setup.admin`insert into organizations (id, name) values (${organizationId}, 'Elsewhere')`;
  await setup.admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, 'owner')`;
  return { userId, organizationId };
}

export const ORGANIZATIONS: Calls<typeof organizations> = {
  acceptInvitation: {
    api: mine(async (tx, setup) =>
      organizations.acceptInvitation(tx, await invitation(setup, 'me'), {
        members: 9,
        memberships: 1_000_000,
      }),
    ),
  },
  countMemberships: { api: mine((tx, { member }) => organizations.countMemberships(tx, member.userId)) },
  countOpen: { api: mine((tx, { member }) => organizations.countOpen(tx, member.organizationId)) },
  declineInvitation: {
    api: mine(async (tx, setup) => organizations.declineInvitation(tx, await invitation(setup, 'me'))),
  },
  deleteInvitation: {
    api: mine(async (tx, setup) => organizations.deleteInvitation(tx, await invitation(setup))),
  },
  findInvitation: {
    api: mine(async (tx, setup) =>
      organizations.findInvitation(tx, setup.member.organizationId, await invitation(setup)),
    ),
  },
  insertInvitation: {
    api: mine((tx, { member: { organizationId, userId } }) => {
      const named = { username: randomUUID() };
      const wanted = {
        id: uuidv7(),
        organizationId,
        named,
        role: 'viewer',
        invitedBy: userId,
        userId: null,
      } as const;
      return organizations.insertInvitation(tx, wanted, 14);
    }),
  },
  isMember: {
    api: mine((tx, { member }) => organizations.isMember(tx, member.organizationId, member.userId)),
  },
  listInvitations: {
    api: [null, uuidv7()].map((beforeId) =>
      mine((tx, { member }) =>
        organizations.listInvitations(tx, member.organizationId, { beforeId, limit: 26 }),
      ),
    ),
  },
  listOwnInvitations: {
    api: [null, uuidv7()].map((beforeId) =>
      mine((tx) => organizations.listOwnInvitations(tx, { beforeId, limit: 26 })),
    ),
  },
  lockPrincipal: { api: mine((tx) => organizations.lockPrincipal(tx)) },
  removeExpired: { api: mine((tx, { member }) => organizations.removeExpired(tx, member.organizationId)) },
  sweepInvitations: { dispatcher: (db) => organizations.sweepInvitations(db, 100) },
  changeOrganization: {
    api: mine((tx, { member }) =>
      organizations.changeOrganization(tx, member.organizationId, { name: 'Home' }),
    ),
  },
  changeRole: {
    api: mine(async (tx, setup) =>
      organizations.changeRole(
        tx,
        { ...setup.member, userId: await colleague(setup), from: 'viewer' },
        'admin',
      ),
    ),
  },
  countContents: {
    api: mine((tx, { member }) => organizations.countContents(tx, member.organizationId)),
  },
  deleteMember: {
    api: mine(async (tx, setup) =>
      organizations.deleteMember(tx, { ...setup.member, userId: await colleague(setup), from: 'viewer' }),
    ),
  },
  deleteOrganization: {
    api: mine((tx, { member }) => organizations.deleteOrganization(tx, member.organizationId)),
  },
  findMember: {
    api: mine((tx, { member }) => organizations.findMember(tx, member.organizationId, member.userId)),
  },
  findOrganization: {
    api: mine((tx, { member }) => organizations.findOrganization(tx, member.userId, member.organizationId)),
  },
  findUser: {
    api: [
      mine((tx) => organizations.findUser(tx, { username: 'none' })),
      mine((tx) => organizations.findUser(tx, { email: 'none' })),
    ],
  },
  hasOwnerBeside: {
    api: mine((tx, { member }) => organizations.hasOwnerBeside(tx, member.organizationId, member.userId)),
  },
  insertOrganization: {
    api: mine((tx, { member }) =>
      organizations.insertOrganization(tx, { id: uuidv7(), ownerId: member.userId, name: 'Made' }),
    ),
  },
  listMembers: {
    api: [null, uuidv7()].map((beforeId) =>
      mine((tx, { member }) => organizations.listMembers(tx, member.organizationId, { beforeId, limit: 26 })),
    ),
  },
  listOrganizations: {
    api: [null, uuidv7()].map((beforeId) =>
      mine((tx, { member }) => organizations.listOrganizations(tx, member.userId, { beforeId, limit: 26 })),
    ),
  },
  lockOrganization: {
    api: mine((tx, { member }) => organizations.lockOrganization(tx, member.organizationId)),
  },
  silenceMember: {
    api: mine(async (tx, setup) =>
      organizations.silenceMember(tx, setup.member.organizationId, await colleague(setup)),
    ),
  },
  watchingConnections: {
    api: [
      mine(async (tx, setup) =>
        organizations.watchingConnections(tx, setup.member.organizationId, await colleague(setup)),
      ),
      mine((tx, { member }) => organizations.watchingConnections(tx, member.organizationId, null)),
    ],
  },
};
