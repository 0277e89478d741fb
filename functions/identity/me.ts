import type { Database } from '../database/connect.ts';
import { asMember, type Principal, type Role, sessionEnded } from '../database/enter.ts';
import { readOrganizationNames, readUser } from './store.ts';
import type { User } from './user.ts';

export type Membership = { id: string; name: string; role: Role; personal: boolean };

/**
 * Who the principal is, and a member of what: the personal organization first, then by age.
 *
 * @throws Refusal `session_ended`
 */
export async function me(
  { db }: { db: Database },
  principal: Principal,
): Promise<{ user: User; organizations: Membership[] }> {
  return asMember(db, principal, async (tx, memberships) => {
    const user = await readUser(tx, principal.userId);
    if (!user) throw sessionEnded();
    const names = await readOrganizationNames(tx);
    const organizations = memberships
      .map(({ organizationId: id, role, personal }) => ({ id, name: names.get(id) ?? '', role, personal }))
      // UUIDv7: in the order of their making.
      .sort((one, other) => Number(other.personal) - Number(one.personal) || (one.id < other.id ? -1 : 1));
    return { user, organizations };
  });
}
