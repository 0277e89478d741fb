import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { idsFrom } from '../../../idempotency/ids-from.ts';
import type { Invitation, OwnInvitation } from '../../../organizations/invitation.ts';
import {
  acceptInvitation,
  declineInvitation,
  inviteMember,
  listInvitations,
  listOwnInvitations,
  revokeInvitation,
} from '../../../organizations/operations/invitations.ts';
import type { OrganizationDeps } from '../../../organizations/operations/organizations.ts';
import {
  INVITATION_DAYS,
  MAX_MEMBERS,
  MAX_MEMBERSHIPS,
  MAX_OPEN_INVITATIONS,
} from '../../../organizations/quotas.ts';
import { ROLES } from '../../../organizations/rights.ts';
import { Id, SAYS_SOMETHING } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, NEWEST_FIRST, problems, secured } from '../../app/describe.ts';
import { encodeCursor } from '../../pages/cursor.ts';
import { page, pageOf } from '../../pages/page.ts';
import { OrganizationView, organizationView, Page } from './organizations.ts';

const Role = z.enum(ROLES);

const InvitationView = z
  .object({
    id: z.uuid(),
    organization: z.uuid(),
    username: z.string().nullable().describe('As it was entered. The account need not exist'),
    email: z.string().nullable(),
    role: Role,
    invited_by: z.string().nullable().describe('Username. Null when the user is no longer a member'),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' });

const OwnInvitationView = z
  .object({
    id: z.uuid(),
    organization: z.uuid(),
    organization_name: z.string(),
    role: Role.describe('Role that you get by accepting'),
    invited_by: z.string().describe('Username'),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'OwnInvitation' });

const Login = z.string().max(254).trim().min(1).meta({ minLength: 1, pattern: SAYS_SOMETHING.source });
const NewMember = z
  .strictObject({ username: Login.optional(), email: Login.optional(), role: Role.default('member') })
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    path: ['username'],
    error: 'Give either username or email',
  })
  .meta({ oneOf: [{ required: ['username'] }, { required: ['email'] }] });

const oneOrganization = z.object({ id: Id });
const oneInvitation = z.object({ invitationId: Id });

const invite = createRoute({
  method: 'post',
  path: '/api/organizations/{id}/invitations',
  operationId: 'inviteMember',
  summary: 'Invite a user to become a member',
  description:
    `The user becomes a member by accepting within ${INVITATION_DAYS} days. The answer does not show whether the user exists. ` +
    `An organization has at most ${MAX_OPEN_INVITATIONS} open invitations.`,
  ...secured('Invitations'),
  request: { params: oneOrganization, body: json(NewMember) },
  responses: { 201: answer('Invited', InvitationView), ...problems(400, 401, 403, 404, 409) },
});

const list = createRoute({
  method: 'get',
  path: '/api/organizations/{id}/invitations',
  operationId: 'listInvitations',
  summary: 'List open invitations of an organization, newest first',
  description: `For owners and admins. A declined invitation is listed until it expires. ${NEWEST_FIRST}`,
  ...secured('Invitations'),
  request: { params: oneOrganization, query: Page },
  responses: {
    200: answer('A page', pageOf(InvitationView)),
    ...problems(400, 401, 403, 404),
  },
});

const revoke = createRoute({
  method: 'delete',
  path: '/api/organizations/{id}/invitations/{invitationId}',
  operationId: 'revokeInvitation',
  summary: 'Revoke an open invitation',
  ...secured('Invitations'),
  request: { params: oneOrganization.extend({ invitationId: Id }) },
  responses: { 204: { description: 'Revoked' }, ...problems(400, 401, 403, 404) },
});

const listOwn = createRoute({
  method: 'get',
  path: '/api/invitations',
  operationId: 'listOwnInvitations',
  summary: 'List your invitations, newest first',
  description: NEWEST_FIRST,
  ...secured('Invitations'),
  request: { query: Page },
  responses: { 200: answer('A page', pageOf(OwnInvitationView)), ...problems(400, 401) },
});

const accept = createRoute({
  method: 'post',
  path: '/api/invitations/{invitationId}/accept',
  operationId: 'acceptInvitation',
  summary: 'Accept an invitation, and become a member',
  description:
    'The user who invited you must still have the right to invite. ' +
    `An organization has at most ${MAX_MEMBERS} members, and a user is a member of at most ${MAX_MEMBERSHIPS} organizations.`,
  ...secured('Invitations'),
  request: { params: oneInvitation },
  responses: { 200: answer('The organization', OrganizationView), ...problems(400, 401, 404, 409) },
});

const decline = createRoute({
  method: 'post',
  path: '/api/invitations/{invitationId}/decline',
  operationId: 'declineInvitation',
  summary: 'Decline an invitation',
  description: 'The user who invited you is not notified.',
  ...secured('Invitations'),
  request: { params: oneInvitation },
  responses: { 204: { description: 'Declined' }, ...problems(400, 401, 404) },
});

const cursorOf = ({ id }: { id: string }) => encodeCursor(id);

/** Registers the routes by which users become members. */
export function registerInvitationRoutes(app: App, deps: OrganizationDeps): void {
  app.openapi(invite, async (c) => {
    const { username, email, role } = c.req.valid('json');
    const named = email === undefined ? { username: username ?? '' } : { email };
    const id = c.var.seed === undefined ? undefined : idsFrom(c.var.seed, 1)[0];
    const invited = await inviteMember(deps, c.var.principal, {
      organizationId: c.req.valid('param').id,
      id,
      named,
      role,
    });
    return c.json(invitationView(invited), 201);
  });

  app.openapi(list, async (c) => {
    const { cursor: beforeId = null, limit } = c.req.valid('query');
    const wanted = { organizationId: c.req.valid('param').id, page: { beforeId, limit } };
    const { invitations, more } = await listInvitations(deps, c.var.principal, wanted);
    return c.json(page(invitations, { more, view: invitationView, cursorOf }), 200);
  });

  app.openapi(revoke, async (c) => {
    const { id, invitationId } = c.req.valid('param');
    await revokeInvitation(deps, c.var.principal, { organizationId: id, id: invitationId });
    return c.body(null, 204);
  });

  app.openapi(listOwn, async (c) => {
    const { cursor: beforeId = null, limit } = c.req.valid('query');
    const { invitations, more } = await listOwnInvitations(deps, c.var.principal, { beforeId, limit });
    return c.json(page(invitations, { more, view: ownInvitationView, cursorOf }), 200);
  });

  app.openapi(accept, async (c) => {
    const entered = await acceptInvitation(deps, c.var.principal, c.req.valid('param').invitationId);
    return c.json(organizationView(entered), 200);
  });

  app.openapi(decline, async (c) => {
    await declineInvitation(deps, c.var.principal, c.req.valid('param').invitationId);
    return c.body(null, 204);
  });
}

function invitationView(invitation: Invitation): z.infer<typeof InvitationView> {
  const { id, organizationId, username, email, role, invitedBy, createdAt, expiresAt } = invitation;
  return {
    id,
    organization: organizationId,
    username,
    email,
    role,
    invited_by: invitedBy,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  };
}

function ownInvitationView(invitation: OwnInvitation): z.infer<typeof OwnInvitationView> {
  const { id, organizationId, organizationName, role, invitedBy, createdAt, expiresAt } = invitation;
  return {
    id,
    organization: organizationId,
    organization_name: organizationName,
    role,
    invited_by: invitedBy,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  };
}
