import type { Role } from '../database/enter.ts';
import { name } from '../text-rules.ts';

/** An organization as one of its members sees it. */
export type Organization = {
  id: string;
  name: string;
  /** Made at registration; it stays its user's for good. */
  personal: boolean;
  /** How many of its tasks run at once; null for as many as there are workers. */
  maxRunning: number | null;
  /** Days that finished tasks are kept. */
  retentionDays: number;
  /** The role of whoever asks. */
  role: Role;
  createdAt: Date;
  updatedAt: Date;
};

/** How much an organization holds. Each count ends at 100,000. */
export type Contents = { tasks: number; batches: number; members: number };

/** What may be changed of an organization. */
export type OrganizationChange = Partial<Pick<Organization, 'name' | 'maxRunning' | 'retentionDays'>>;

/**
 * What members of an organization know of each other. Not the address: whoever is invited by username does not thereby
 * give it away. One's own is in `/api/auth/me`; who registers without a username chooses the address as one.
 */
export type Member = {
  userId: string;
  username: string;
  name: string;
  role: Role;
  /** When the membership began. */
  createdAt: Date;
};

/** One line of text. */
export const OrganizationName = name(200).transform((given) => given.trim());
