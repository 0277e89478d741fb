import { Refusal } from '../refusal.ts';

/** Maximum organizations that one user may own, the personal one included. */
export const MAX_OWNED = 100;

/** Maximum organizations of which one user may be a member. */
export const MAX_MEMBERSHIPS = 1_000;

/** Maximum members of one organization. */
export const MAX_MEMBERS = 1_000;

/** Maximum open invitations of one organization. */
export const MAX_OPEN_INVITATIONS = 100;

/** Days until an invitation expires. */
export const INVITATION_DAYS = 14;

const REFUSALS = {
  too_many_organizations: [MAX_OWNED, `You own ${MAX_OWNED} organizations, and cannot make another one`],
  too_many_memberships: [MAX_MEMBERSHIPS, `A user is a member of at most ${MAX_MEMBERSHIPS} organizations`],
  too_many_members: [MAX_MEMBERS, `An organization has at most ${MAX_MEMBERS} members`],
  too_many_invitations: [
    MAX_OPEN_INVITATIONS,
    `An organization has at most ${MAX_OPEN_INVITATIONS} open invitations; revoke some`,
  ],
} as const;

/** Returns the refusal of a request that exceeds a quota. The refusal has the quota as `limit`. */
export function quotaReached(code: keyof typeof REFUSALS): Refusal {
  const [limit, message] = REFUSALS[code];
  return new Refusal('conflict', code, message, { limit });
}
