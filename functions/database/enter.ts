import { Refusal } from '../refusal.ts';
import type { Database, Transaction } from './connect.ts';
import { isUnavailable } from './error-code.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

/**
 * A user who makes a request, in a session that a logout ends. Rights are looked up for each request and are never carried along.
 */
export type Principal = {
  userId: string;
  sessionId: string;
  /** The client's address, for the audit log. */
  address?: string | undefined;
};

export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** A membership of the principal in one organization. */
export type Membership = { organizationId: string; role: Role };

/**
 * The principal, and the organization that the request names. Null means the personal organization, or in lists all
 * organizations.
 */
export type InOrganization = Principal & { organizationId: string | null };

/**
 * Runs `work` in a transaction in which row-level security shows only what the principal's organizations own. When a concurrent
 * transaction is in the way, `work` runs again, so its only effects must be in `tx`. A connection that is lost before `work` has
 * begun is replaced.
 *
 * @throws Refusal `session_ended` when the session was revoked or has expired
 */
export async function asMember<T>(
  db: Database,
  { userId, sessionId }: Principal,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const enter = async (tx: Transaction) => {
    const [entered] = await tx<{ live: boolean }[]>`select enter_session(${userId}, ${sessionId}) as live`;
    if (!entered?.live) throw sessionEnded();
  };
  return inTransaction(db, enter, work);
}

/**
 * Runs `work` as `asMember` does, and passes the principal's membership in the named organization. Without a name, it is the
 * membership in the personal organization. The statement that enters the session also looks up the membership.
 *
 * @throws Refusal `session_ended`, `organization_not_found`
 */
export async function asMemberOf<T>(
  db: Database,
  { userId, sessionId, organizationId }: InOrganization,
  work: (tx: Transaction, membership: Membership) => Promise<T>,
): Promise<T> {
  const enter = async (tx: Transaction): Promise<Membership> => {
    const [entered] = await tx<{ live: boolean; organizationId: string | null; role: Role | null }[]>`
      select live, organization_id as "organizationId", role
      from enter_organization(${userId}, ${sessionId}, ${organizationId})`;
    if (!entered?.live) throw sessionEnded();
    const { organizationId: id, role } = entered;
    if (id === null || role === null) throw organizationNotFound();
    return { organizationId: id, role };
  };
  return inTransaction(db, enter, work);
}

/** @param enter the first statement, which may be repeated on another connection */
async function inTransaction<Entered, T>(
  db: Database,
  enter: (tx: Transaction) => Promise<Entered>,
  work: (tx: Transaction, entered: Entered) => Promise<T>,
): Promise<T> {
  let hasBegun = false;
  const transaction = () =>
    db.begin(async (tx) => {
      const entered = await enter(tx);
      hasBegun = true;
      return work(tx, entered);
    });
  const reached = () =>
    transaction().catch((error: unknown) => {
      if (hasBegun || !isUnavailable(error)) throw error;
      return transaction();
    });
  return (await retryOnConflict(reached)) as T;
}

/**
 * Runs `work` as `asMember` does, for a list of all organizations of the principal or of the named one.
 *
 * @throws Refusal `session_ended`, `organization_not_found` when the principal is not a member of the named organization
 */
export async function asReader<T>(
  db: Database,
  reader: InOrganization,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return reader.organizationId === null ? asMember(db, reader, work) : asMemberOf(db, reader, work);
}

/**
 * Returns the membership of the transaction's principal in the organization.
 *
 * @throws Refusal `organization_not_found`, equally for a foreign organization and for one that does not exist
 */
export async function membershipIn(tx: Transaction, organizationId: string): Promise<Membership> {
  const [membership] = await tx<Membership[]>`
    select organization_id as "organizationId", role from memberships
    where organization_id = ${organizationId} and user_id = current_user_id()`;
  if (!membership) throw organizationNotFound();
  return membership;
}

export function sessionEnded(): Refusal {
  return new Refusal('unauthenticated', 'session_ended', 'This session has ended; log in again');
}

export function organizationNotFound(): Refusal {
  return new Refusal('not_found', 'organization_not_found', 'There is no such organization');
}
