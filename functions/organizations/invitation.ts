import type { Role } from '../database/enter.ts';

/** A user as others name them, by one of the two and the whole of it. */
export type Named = { username: string; email?: undefined } | { email: string; username?: undefined };

/** An invitation as those see it who may invite. Nothing of it tells whether the account exists. */
export type Invitation = {
  id: string;
  organizationId: string;
  /** As it was given; the other one of the two is null. */
  username: string | null;
  email: string | null;
  role: Role;
  /** Username; null when that user is gone, or no member any more. */
  invitedBy: string | null;
  createdAt: Date;
  expiresAt: Date;
};

/** An invitation as the user sees it who is invited. */
export type OwnInvitation = Pick<Invitation, 'id' | 'organizationId' | 'role' | 'createdAt' | 'expiresAt'> & {
  organizationName: string;
  /** Username. */
  invitedBy: string;
};
