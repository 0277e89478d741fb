import type { Entered, Role } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';

export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const satisfies readonly Role[];

/** Who may do what with an organization itself. Reading it takes membership alone. */
export const RIGHTS = {
  change: ['owner', 'admin'],
  delete: ['owner'],
  pause: ['owner', 'admin'],
  audit: ['owner', 'admin'],
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

/** @throws Refusal `organization_not_found`, the same for a foreign organization and for one that does not exist */
export function membershipIn(memberships: readonly Entered[], organizationId: string): Entered {
  const membership = memberships.find((entered) => entered.organizationId === organizationId);
  if (!membership) throw organizationNotFound();
  return membership;
}

/**
 * The membership in the named organization, or in the personal one where none is named.
 *
 * @throws Refusal `organization_not_found`
 */
export function membershipInOrHome(memberships: readonly Entered[], organizationId: string | null): Entered {
  const home = memberships.find(({ personal }) => personal);
  if (organizationId !== null) return membershipIn(memberships, organizationId);
  if (!home) throw organizationNotFound();
  return home;
}

/** @throws Refusal `role_insufficient` */
export function demandRight({ role }: Entered, right: keyof typeof RIGHTS): void {
  const roles: readonly Role[] = RIGHTS[right];
  if (!roles.includes(role)) throw roleInsufficient(role);
}

/** @throws Refusal `role_insufficient` */
export function demandGovernment({ role }: Entered, over: Role): void {
  if (!GOVERNED_BY[role].includes(over)) throw roleInsufficient(role);
}

export function organizationNotFound(): Refusal {
  return new Refusal('not_found', 'organization_not_found', 'There is no such organization');
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
