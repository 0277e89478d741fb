import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import * as organizations from '../../organizations/store/index.ts';
import { type Calls, mine } from './calls.ts';
import { type Ground, stranger } from './ground.ts';

/** Creates a further member of the ground's organization. */
async function colleague(ground: Ground): Promise<string> {
  const { organizationId } = ground.member;
  const userId = await stranger(ground);
  await ground.admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, 'viewer')`;
  return userId;
}

/** Creates an invitation: into the ground's organization for nobody, or into another organization for the ground's member. */
async function invitation(ground: Ground, of: 'nobody' | 'me' = 'nobody'): Promise<string> {
  const id = uuidv7();
  const { userId, organizationId } = of === 'me' ? await elsewhere(ground) : ground.member;
  await ground.admin`
    insert into invitations (id, organization_id, username, user_id, role, invited_by, expires_at)
    values (${id}, ${organizationId}, ${id}, ${of === 'me' ? ground.member.userId : null}, 'member', ${userId}, now() + interval '1 day')`;
  return id;
}

/** Creates another user with an organization. */
async function elsewhere(ground: Ground): Promise<{ userId: string; organizationId: string }> {
  const [userId, organizationId] = [await stranger(ground), uuidv7()];
  await ground.admin`insert into organizations (id, name) values (${organizationId}, 'Elsewhere')`;
  await ground.admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, 'owner')`;
  return { userId, organizationId };
}

export const ORGANIZATIONS: Calls<typeof organizations> = {
  acceptInvitation: {
    api: mine(async (tx, ground) =>
      organizations.acceptInvitation(tx, await invitation(ground, 'me'), {
        members: 9,
        memberships: 1_000_000,
      }),
    ),
  },
  countMemberships: { api: mine((tx, { member }) => organizations.countMemberships(tx, member.userId)) },
  countOpen: { api: mine((tx, { member }) => organizations.countOpen(tx, member.organizationId)) },
  declineInvitation: {
    api: mine(async (tx, ground) => organizations.declineInvitation(tx, await invitation(ground, 'me'))),
  },
  deleteInvitation: {
    api: mine(async (tx, ground) => organizations.deleteInvitation(tx, await invitation(ground))),
  },
  findInvitation: {
    api: mine(async (tx, ground) =>
      organizations.findInvitation(tx, ground.member.organizationId, await invitation(ground)),
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
    api: mine(async (tx, ground) =>
      organizations.changeRole(
        tx,
        { ...ground.member, userId: await colleague(ground), from: 'viewer' },
        'admin',
      ),
    ),
  },
  countContents: {
    api: mine((tx, { member }) => organizations.countContents(tx, member.organizationId)),
  },
  deleteMember: {
    api: mine(async (tx, ground) =>
      organizations.deleteMember(tx, { ...ground.member, userId: await colleague(ground), from: 'viewer' }),
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
    api: mine(async (tx, ground) =>
      organizations.silenceMember(tx, ground.member.organizationId, await colleague(ground)),
    ),
  },
  watchingConnections: {
    api: [
      mine(async (tx, ground) =>
        organizations.watchingConnections(tx, ground.member.organizationId, await colleague(ground)),
      ),
      mine((tx, { member }) => organizations.watchingConnections(tx, member.organizationId, null)),
    ],
  },
};
