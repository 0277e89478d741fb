import type { Membership, Role } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';

export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const satisfies readonly Role[];

/** Who may do what with an organization itself. Reading it takes membership alone. */
export const RIGHTS = {
  change: ['owner', 'admin'],
  delete: ['owner'],
  pause: ['owner', 'admin'],
  audit: ['owner', 'admin'],
  invite: ['owner', 'admin'],
} as const satisfies Record<string, readonly Role[]>;

/**
 * The roles that a member may give, and take from others. Leaving is everyone's right, except that an organization
 * keeps an owner, and a personal one its own.
 */
export const GOVERNED_BY: Record<Role, readonly Role[]> = {
  owner: ROLES,
  admin: ['admin', 'member', 'viewer'],
  member: [],
  viewer: [],
};

/** @throws Refusal `role_insufficient` */
export function demandRight({ role }: Membership, right: keyof typeof RIGHTS): void {
  const roles: readonly Role[] = RIGHTS[right];
  if (!roles.includes(role)) throw roleInsufficient(role);
}

/** @throws Refusal `role_insufficient` */
export function demandGovernment({ role }: Membership, over: Role): void {
  if (!GOVERNED_BY[role].includes(over)) throw roleInsufficient(role);
}

export function roleInsufficient(role: Role): Refusal {
  return new Refusal(
    'forbidden',
    'role_insufficient',
    `As ${role} of this organization you may not do this`,
    {
      role,
    },
  );
}
