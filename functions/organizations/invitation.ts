import type { Role } from '../database/enter.ts';

/** Identifies a user by the complete username or the complete email. */
export type Named = { username: string; email?: undefined } | { email: string; username?: undefined };

/** An invitation, for members who may invite. It does not reveal if the account exists. */
export type Invitation = {
  id: string;
  organizationId: string;
  /** The name as it was given. The field that was not given is null. */
  username: string | null;
  email: string | null;
  role: Role;
  /** Username; null when the user was deleted or is no longer a member. */
  invitedBy: string | null;
  createdAt: Date;
  expiresAt: Date;
};

/** An invitation, for the invited user. */
export type OwnInvitation = Pick<Invitation, 'id' | 'organizationId' | 'role' | 'createdAt' | 'expiresAt'> & {
  organizationName: string;
  /** Username. */
  invitedBy: string;
};
