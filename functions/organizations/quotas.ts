import { Refusal } from '../refusal.ts';

/** Organizations that one user may own before making another one, the personal one included. */
export const MAX_OWNED = 100;

/** Organizations that one user may be a member of. */
export const MAX_MEMBERSHIPS = 1_000;

/** Members of one organization. */
export const MAX_MEMBERS = 1_000;

/** Invitations of one organization that nobody has accepted yet. */
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

/** The refusal of what a quota does not allow, with the quota as `limit`. */
export function quotaReached(code: keyof typeof REFUSALS): Refusal {
  const [limit, message] = REFUSALS[code];
  return new Refusal('conflict', code, message, { limit });
}
