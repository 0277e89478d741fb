import type { Database, Transaction } from '../database/connect.ts';
import type { Principal } from '../database/enter.ts';
import * as store from './store.ts';

type Given = Pick<store.Act, 'organizationId' | 'action'> & Partial<Pick<store.Act, 'target' | 'details'>>;

/**
 * Records an act of the principal in an organization, in the transaction that performs the act. The principal must be a
 * member at that moment: record a creation after it happened, and a deletion or a leave before it happens.
 *
 * @param tx a transaction that has entered as the principal
 */
export async function recordAct(
  tx: Transaction,
  { address }: Pick<Principal, 'address'>,
  { target = null, details = {}, ...act }: Given,
): Promise<void> {
  await store.insertAct(tx, { ...act, target, details, address: address ?? null });
}

/** Records the outcome of a login or a change of a session, in the personal organization of the user. */
export async function recordIdentityEvent(
  on: Database | Transaction,
  event: Pick<store.IdentityEvent, 'action'> &
    Partial<Omit<store.IdentityEvent, 'action' | 'address'>> & { address?: string | undefined },
): Promise<void> {
  const { action, userId = null, sessionId = null, target = null, address = null } = event;
  await store.insertIdentityEvent(on, { action, userId, sessionId, target, address });
}
