import { Refusal } from '../refusal.ts';
import type { Database, Transaction } from './connect.ts';

/** Who is asking: a user, in a session that a logout ends. Rights are looked up, never carried along. */
export type Principal = { userId: string; sessionId: string };

export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** A membership of the principal, as `enter` found it. */
export type Entered = { organizationId: string; role: Role; personal: boolean };

/**
 * Runs `work` in a transaction in which row-level security shows what the principal's organizations own, and nothing
 * else.
 *
 * @throws Refusal `session_ended` when the session was revoked or has expired
 */
export async function asMember<T>(
  db: Database,
  principal: Principal,
  work: (tx: Transaction, memberships: readonly Entered[]) => Promise<T>,
): Promise<T> {
  const result = await db.begin(async (tx) => {
    const memberships = await tx<Entered[]>`
      select organization_id as "organizationId", role, personal
      from enter(${principal.userId}, ${principal.sessionId})`;
    if (memberships.length === 0) throw sessionEnded();
    return work(tx, memberships);
  });
  return result as T;
}

export function sessionEnded(): Refusal {
  return new Refusal('unauthenticated', 'session_ended', 'This session has ended; log in again');
}
