import { Refusal } from '../refusal.ts';
import type { Database, Transaction } from './connect.ts';
import { isUnavailable } from './connection/error-code.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

/** Who is asking: a user, in a session that a logout ends. Rights are looked up, never carried along. */
export type Principal = {
  userId: string;
  sessionId: string;
  /** Of the client, for the audit log. */
  address?: string | undefined;
};

export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** A membership of the principal, as `enter` found it. */
export type Entered = { organizationId: string; role: Role; personal: boolean };

/**
 * Runs `work` in a transaction in which row-level security shows what the principal's organizations own, and nothing
 * else. Runs `work` again when a concurrent transaction stood in the way, so `work` must have no effect but in `tx`. A
 * connection that turns out to be lost before `work` has begun is replaced.
 *
 * @throws Refusal `session_ended` when the session was revoked or has expired
 */
export async function asMember<T>(
  db: Database,
  principal: Principal,
  work: (tx: Transaction, memberships: readonly Entered[]) => Promise<T>,
): Promise<T> {
  let hasBegun = false;
  const transaction = () =>
    db.begin(async (tx) => {
      const memberships = await tx<Entered[]>`
      select organization_id as "organizationId", role, personal
      from enter(${principal.userId}, ${principal.sessionId})`;
      if (memberships.length === 0) throw sessionEnded();
      hasBegun = true;
      return work(tx, memberships);
    });
  const reached = () =>
    transaction().catch((error: unknown) => {
      if (hasBegun || !isUnavailable(error)) throw error;
      return transaction();
    });
  return (await retryOnConflict(reached)) as T;
}

export function sessionEnded(): Refusal {
  return new Refusal('unauthenticated', 'session_ended', 'This session has ended; log in again');
}
