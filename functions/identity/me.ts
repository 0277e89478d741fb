import type { Database } from '../database/connect.ts';
import { asMember, type Principal, type Role, sessionEnded } from '../database/enter.ts';
import { readOrganizationNames, readUser } from './store.ts';
import type { User } from './user.ts';

export type Membership = { id: string; name: string; role: Role; personal: boolean };

/** Organizations that are listed at most: anybody may add anybody to one. `GET /api/organizations/` has all of them. */
const MAX_ORGANIZATIONS = 1_000;

/**
 * Who the principal is, and a member of what: the personal organization first, then by age.
 *
 * @throws Refusal `session_ended`
 */
export async function me(
  { db }: { db: Database },
  principal: Principal,
): Promise<{ user: User; organizations: Membership[]; moreOrganizations: number }> {
  return asMember(db, principal, async (tx, memberships) => {
    const user = await readUser(tx, principal.userId);
    if (!user) throw sessionEnded();
    const listed = memberships
      // UUIDv7: in the order of their making.
      .toSorted(
        (one, other) =>
          Number(other.personal) - Number(one.personal) ||
          (one.organizationId < other.organizationId ? -1 : 1),
      )
      .slice(0, MAX_ORGANIZATIONS);
    const names = await readOrganizationNames(
      tx,
      listed.map(({ organizationId }) => organizationId),
    );
    const organizations = listed.map(({ organizationId: id, role, personal }) => ({
      id,
      name: names.get(id) ?? '',
      role,
      personal,
    }));
    return { user, organizations, moreOrganizations: memberships.length - listed.length };
  });
}
