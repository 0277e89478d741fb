import type { Role } from '../../database/enter.ts';
import type { DatabaseFixture, Member } from '../../database/testing/database-fixture.ts';
import { createApp } from '../../http/app/app.ts';
import { registerInvitationRoutes } from '../../http/routes/organizations/invitations.ts';
import { registerOrganizationRoutes } from '../../http/routes/organizations/organizations.ts';

export type View = { id: string; name: string; code: string; results: View[]; next_cursor: string } & Record<
  string,
  unknown
>;
export type Ask = (
  who: Member,
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: View }>;

/** An organization that is not a personal one, with one member in each role. */
export type Team = { id: string } & Record<Role, Member>;

/**
 * Starts a sandbox with the organization routes, under the api function's role. The test sets the principal of each
 * request.
 */
export function organizationApi(on: DatabaseFixture) {
  const app = createApp((message, { error }) => {
    throw new Error(message, { cause: error });
  });
  app.use(async (c, next) => {
    const [userId = '', sessionId = ''] = (c.req.header('principal') ?? '').split(' ');
    c.set('principal', { userId, sessionId });
    await next();
  });
  const deps = {
    db: on.as('api'),
    membershipEnded: () => {},
    enqueue: async () => [],
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300 },
  };
  registerOrganizationRoutes(app, deps);
  registerInvitationRoutes(app, deps);

  const ask: Ask = async (who, method, path, body) => {
    const response = await app.request(path.startsWith('/') ? path : `/api/organizations/${path}`, {
      method,
      headers: { principal: `${who.userId} ${who.sessionId}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  };
  const team = async (): Promise<Team> => {
    const owner = await on.member();
    const { body } = await ask(owner, 'POST', '', { name: 'Team' });
    const others = { admin: await on.member(), member: await on.member(), viewer: await on.member() };
    for (const role of ['admin', 'member', 'viewer'] as const) await on.join(others[role], body.id, role);
    return { id: body.id, owner, ...others };
  };
  const roleOf = async (id: string, { userId }: Member): Promise<Role | undefined> => {
    const [row] = await on.admin<{ role: Role }[]>`
      select role from memberships where organization_id = ${id} and user_id = ${userId}`;
    return row?.role;
  };
  return { ask, team, roleOf };
}
