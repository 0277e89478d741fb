import type { Membership, Role } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';

export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const satisfies readonly Role[];

/** Roles that hold each right on an organization itself. Every member may read the organization. */
export const RIGHTS = {
  change: ['owner', 'admin'],
  delete: ['owner'],
  pause: ['owner', 'admin'],
  audit: ['owner', 'admin'],
  invite: ['owner', 'admin'],
} as const satisfies Record<string, readonly Role[]>;

/**
 * Roles that a member may give to others and take from others. Every member may leave, except that an organization keeps
 * at least one owner, and a personal organization keeps its own.
 */
export const GOVERNED_BY: Record<Role, readonly Role[]> = {
  owner: ROLES,
  admin: ['admin', 'member', 'viewer'],
  member: [],
  viewer: [],
};

/** Refuses a member without the right. @throws Refusal `role_insufficient` */
export function demandRight({ role }: Membership, right: keyof typeof RIGHTS): void {
  const roles: readonly Role[] = RIGHTS[right];
  if (!roles.includes(role)) throw roleInsufficient(role);
}

/** Refuses a member who may not give or take the role `over`. @throws Refusal `role_insufficient` */
export function demandGovernment({ role }: Membership, over: Role): void {
  if (!GOVERNED_BY[role].includes(over)) throw roleInsufficient(role);
}

export function roleInsufficient(role: Role): Refusal {
  return new Refusal(
    'forbidden',
    'role_insufficient',
    `Your role in this organization, ${role}, does not allow this`,
    {
      role,
    },
  );
}
