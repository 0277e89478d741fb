import type { Role } from '../database/enter.ts';
import { name } from '../text-rules.ts';

/** An organization, for one of its members. */
export type Organization = {
  id: string;
  name: string;
  /** True for the organization that was made at the user's registration. Its owner never changes. */
  personal: boolean;
  /** Maximum tasks of the organization that run at once; null for no limit but the number of workers. */
  maxRunning: number | null;
  /** Days that finished tasks are kept. */
  retentionDays: number;
  /** Days that new artifacts are kept. */
  artifactRetentionDays: number;
  /** Role of the requesting user. */
  role: Role;
  createdAt: Date;
  updatedAt: Date;
};

/** Number of rows in an organization. Each count stops at 100,000. */
export type Contents = { tasks: number; batches: number; members: number };

/** The fields of an organization that can be changed. */
export type OrganizationChange = Partial<
  Pick<Organization, 'name' | 'maxRunning' | 'retentionDays' | 'artifactRetentionDays'>
>;

/**
 * A member, with the fields that other members may see. The email is not one of them: accepting an invitation by username
 * must not reveal the email. A user's own email is in `/api/auth/me`. A user who registers without a username makes the
 * email the username.
 */
export type Member = {
  userId: string;
  username: string;
  name: string;
  role: Role;
  /** Start of the membership. */
  createdAt: Date;
};

/** One line of text. */
export const OrganizationName = name(200).transform((given) => given.trim());
