import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { changeRole, listMembers, removeMember } from '../../../organizations/operations/members.ts';
import {
  changeOrganization,
  countContents,
  createOrganization,
  deleteOrganization,
  getOrganization,
  listOrganizations,
  type OrganizationDeps,
} from '../../../organizations/operations/organizations.ts';
import { type Member, type Organization, OrganizationName } from '../../../organizations/organization.ts';
import { MAX_MEMBERSHIPS, MAX_OWNED } from '../../../organizations/quotas.ts';
import { ROLES } from '../../../organizations/rights.ts';
import type { CreateDeps } from '../../../tasks/commands/create.ts';
import { reconsiderHeld } from '../../../tasks/commands/fill-lanes.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, NEWEST_FIRST, problems, secured } from '../../app/describe.ts';
import { cursor, encodeCursor } from '../../pages/cursor.ts';
import { page, pageOf } from '../../pages/page.ts';
import { pageLimit } from '../../pages/page-limit.ts';

const Role = z.enum(ROLES);

export const OrganizationView = z.object({
  id: z.uuid(),
  name: z.string(),
  personal: z.boolean(),
  max_running: z.int().nullable().describe('Number of tasks that may run at once. Null: no limit'),
  retention_days: z.int().describe('Days for which finished tasks are kept'),
  artifact_retention_days: z.int().describe('Days for which new artifacts are kept'),
  role: Role.describe('Your role'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

const ChangeOrganization = z.strictObject({
  name: OrganizationName.optional(),
  max_running: z
    .int()
    .min(1)
    .max(10_000)
    .nullable()
    .optional()
    .describe('After an increase, held tasks start within a minute'),
  retention_days: z.int().min(1).max(3_650).optional(),
  artifact_retention_days: z.int().min(1).max(3_650).optional(),
});

/** A DELETE has no body, so `dry_run` is a query parameter. */
const DeleteOrganization = z.strictObject({
  dry_run: z
    .enum(['true', 'false'])
    .default('false')
    .describe('True: counts the contents, and deletes nothing'),
});

const Contents = z
  .object({ tasks: z.int(), batches: z.int(), members: z.int() })
  .describe('Each count stops at 100,000')
  .meta({ id: 'OrganizationContents' });

const MemberView = z.object({
  user_id: z.uuid(),
  username: z.string(),
  name: z.string(),
  role: Role,
  created_at: z.iso.datetime(),
});

/** Query parameters of lists of organizations, members and invitations. */
export const Page = z.strictObject({ cursor, limit: pageLimit({ max: 100, default: 50 }) });

const oneOrganization = z.object({ id: Id });
const oneMember = oneOrganization.extend({ userId: Id });

const collection = { path: '/api/organizations', ...secured('Organizations') } as const;
const item = { path: '/api/organizations/{id}', ...secured('Organizations') } as const;
const members = { path: '/api/organizations/{id}/members', ...secured('Organizations') } as const;
const member = { path: '/api/organizations/{id}/members/{userId}', ...secured('Organizations') } as const;

const create = createRoute({
  ...collection,
  method: 'post',
  operationId: 'createOrganization',
  summary: 'Create an organization. You become its owner',
  description: `A user may own ${MAX_OWNED} organizations, the personal one included, and be a member of ${MAX_MEMBERSHIPS}.`,
  request: { body: json(z.strictObject({ name: OrganizationName })) },
  responses: { 201: answer('Created', OrganizationView), ...problems(400, 401, 409) },
});

const list = createRoute({
  ...collection,
  method: 'get',
  operationId: 'listOrganizations',
  summary: 'List your organizations, newest first',
  description: NEWEST_FIRST,
  request: { query: Page },
  responses: { 200: answer('A page', pageOf(OrganizationView)), ...problems(400, 401) },
});

const read = createRoute({
  ...item,
  method: 'get',
  operationId: 'getOrganization',
  summary: 'One organization',
  request: { params: oneOrganization },
  responses: { 200: answer('The organization', OrganizationView), ...problems(400, 401, 404) },
});

const replace = createRoute({
  ...item,
  method: 'put',
  operationId: 'replaceOrganization',
  summary: 'Rename an organization',
  request: { params: oneOrganization, body: json(z.strictObject({ name: OrganizationName })) },
  responses: { 200: answer('The changed organization', OrganizationView), ...problems(400, 401, 403, 404) },
});

const update = createRoute({
  ...item,
  method: 'patch',
  operationId: 'updateOrganization',
  summary: 'Change the given fields of an organization',
  request: { params: oneOrganization, body: { ...json(ChangeOrganization), required: false } },
  responses: { 200: answer('The changed organization', OrganizationView), ...problems(400, 401, 403, 404) },
});

const remove = createRoute({
  ...item,
  method: 'delete',
  operationId: 'deleteOrganization',
  summary: 'Delete an organization with everything in it',
  request: { params: oneOrganization, query: DeleteOrganization },
  responses: {
    200: answer('With `dry_run`: what would be deleted', Contents),
    204: { description: 'Deleted' },
    ...problems(400, 401, 403, 404, 409),
  },
});

const listOfMembers = createRoute({
  ...members,
  method: 'get',
  operationId: 'listMembers',
  summary: 'List the members, newest account first',
  request: { params: oneOrganization, query: Page },
  responses: { 200: answer('A page', pageOf(MemberView)), ...problems(400, 401, 404) },
});

const assign = createRoute({
  ...member,
  method: 'patch',
  operationId: 'updateMember',
  summary: 'Change the role of a member',
  request: { params: oneMember, body: json(z.strictObject({ role: Role })) },
  responses: { 200: answer('The member', MemberView), ...problems(400, 401, 403, 404, 409) },
});

const expel = createRoute({
  ...member,
  method: 'delete',
  operationId: 'removeMember',
  summary: 'Remove a member, or leave',
  request: { params: oneMember },
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404, 409) },
});

/** Registers the routes of organizations and their members. `principal` is set before a route is reached. */
export function registerOrganizationRoutes(
  app: App,
  deps: OrganizationDeps & Pick<CreateDeps, 'enqueue' | 'dispatch'>,
): void {
  app.openapi(create, async (c) => {
    const made = await createOrganization(deps, c.var.principal, c.req.valid('json').name);
    return c.json(organizationView(made), 201, { Location: `/api/organizations/${made.id}/` });
  });

  app.openapi(list, async (c) => {
    const { cursor: beforeId = null, limit } = c.req.valid('query');
    const { organizations, more } = await listOrganizations(deps, c.var.principal, { beforeId, limit });
    const cursorOf = ({ id }: Organization) => encodeCursor(id);
    return c.json(page(organizations, { more, view: organizationView, cursorOf }), 200);
  });

  app.openapi(read, async (c) => {
    const organization = await getOrganization(deps, c.var.principal, c.req.valid('param').id);
    return c.json(organizationView(organization), 200);
  });

  app.openapi(replace, async (c) => {
    const { name } = c.req.valid('json');
    const changed = await changeOrganization(deps, c.var.principal, {
      id: c.req.valid('param').id,
      change: { name },
    });
    return c.json(organizationView(changed), 200);
  });

  app.openapi(update, async (c) => {
    const given = c.req.valid('json');
    const { name, max_running: maxRunning, retention_days: retentionDays } = given;
    const { artifact_retention_days: artifactRetentionDays } = given;
    const changed = await changeOrganization(deps, c.var.principal, {
      id: c.req.valid('param').id,
      change: {
        ...(name !== undefined && { name }),
        ...(maxRunning !== undefined && { maxRunning }),
        ...(retentionDays !== undefined && { retentionDays }),
        ...(artifactRetentionDays !== undefined && { artifactRetentionDays }),
      },
    });
    // A higher bound makes places free for tasks that are held back.
    if (maxRunning !== undefined) await reconsiderHeld(deps, c.var.principal, changed.id);
    return c.json(organizationView(changed), 200);
  });

  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param');
    if (c.req.valid('query').dry_run === 'true') {
      return c.json(await countContents(deps, c.var.principal, id), 200);
    }
    await deleteOrganization(deps, c.var.principal, id);
    return c.body(null, 204);
  });

  app.openapi(listOfMembers, async (c) => {
    const { cursor: beforeId = null, limit } = c.req.valid('query');
    const wanted = { organizationId: c.req.valid('param').id, page: { beforeId, limit } };
    const { members, more } = await listMembers(deps, c.var.principal, wanted);
    const cursorOf = ({ userId }: Member) => encodeCursor(userId);
    return c.json(page(members, { more, view: memberView, cursorOf }), 200);
  });

  app.openapi(assign, async (c) => {
    const { id, userId } = c.req.valid('param');
    const { role } = c.req.valid('json');
    return c.json(
      memberView(await changeRole(deps, c.var.principal, { organizationId: id, userId, role })),
      200,
    );
  });

  app.openapi(expel, async (c) => {
    const { id, userId } = c.req.valid('param');
    await removeMember(deps, c.var.principal, { organizationId: id, userId });
    return c.body(null, 204);
  });
}

export function organizationView(organization: Organization): z.infer<typeof OrganizationView> {
  const { id, name, personal, maxRunning, retentionDays, artifactRetentionDays } = organization;
  const { role, createdAt, updatedAt } = organization;
  return {
    id,
    name,
    personal,
    max_running: maxRunning,
    retention_days: retentionDays,
    artifact_retention_days: artifactRetentionDays,
    role,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

function memberView({ userId, username, name, role, createdAt }: Member) {
  return { user_id: userId, username, name, role, created_at: createdAt.toISOString() };
}
