import type { Database } from '../../database/connect.ts';
import { asMember, type Principal, sessionEnded } from '../../database/enter.ts';
import { type OwnOrganization, readOwnOrganizations, readUser } from '../store.ts';
import type { User } from '../user.ts';

/** Maximum organizations in the answer. `GET /api/organizations/` lists all of them. */
const MAX_ORGANIZATIONS = 1_000;

/**
 * Returns the principal's user and organizations: the personal organization first, then by age.
 *
 * @throws Refusal `session_ended`
 */
export async function me(
  { db }: { db: Database },
  principal: Principal,
): Promise<{ user: User; organizations: OwnOrganization[]; moreOrganizations: number }> {
  return asMember(db, principal, async (tx) => {
    const user = await readUser(tx, principal.userId);
    if (!user) throw sessionEnded();
    const { organizations, total } = await readOwnOrganizations(tx, principal.userId, MAX_ORGANIZATIONS);
    return { user, organizations, moreOrganizations: total - organizations.length };
  });
}
