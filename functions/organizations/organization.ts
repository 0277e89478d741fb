import * as z from 'zod';
import type { Role } from '../database/enter.ts';

/** An organization as one of its members sees it. */
export type Organization = {
  id: string;
  name: string;
  /** Made at registration; it stays its user's for good. */
  personal: boolean;
  /** The role of whoever asks. */
  role: Role;
  createdAt: Date;
  updatedAt: Date;
};

export type Member = {
  userId: string;
  email: string;
  username: string;
  name: string;
  role: Role;
  /** When the membership began. */
  createdAt: Date;
};

/** One line of text. */
export const OrganizationName = z
  .string()
  .trim()
  .min(1, 'Must not be empty')
  .max(200)
  .regex(/^\P{Cc}*$/u, 'Control characters are not allowed');
