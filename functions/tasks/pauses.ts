import { recordAct } from '../audit/record.ts';
import type { Transaction } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import { demandRight, membershipIn, membershipInOrHome } from '../organizations/rights.ts';
import { Refusal } from '../refusal.ts';
import type { CreateDeps } from './create.ts';
import { reconsiderHeld } from './fill-lanes.ts';
import * as store from './store/index.ts';

export type Pause = store.Pause;

type PauseKey = Pick<store.Pause, 'scope' | 'name'>;

/**
 * What is paused in the principal's organizations, or in one of them.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listPauses(
  { db }: Pick<CreateDeps, 'db'>,
  principal: Principal,
  organizationId: string | null,
): Promise<Pause[]> {
  return asMember(db, principal, async (tx, memberships) => {
    if (organizationId) membershipIn(memberships, organizationId);
    const ids = organizationId ? [organizationId] : memberships.map((m) => m.organizationId);
    return store.listPauses(tx, ids);
  });
}

/**
 * Starts nothing more of a kind, or from a queue, in an organization: due tasks are held. What runs goes on.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function pause(
  deps: CreateDeps,
  principal: Principal,
  organizationId: string | null,
  key: PauseKey,
): Promise<Pause> {
  const made = await asMember(deps.db, principal, async (tx, memberships) => {
    const membership = membershipInOrHome(memberships, organizationId);
    demandRight(membership, 'pause');
    await store.addPause(tx, { organizationId: membership.organizationId, ...key }, principal.userId);
    const paused = (await store.listPauses(tx, [membership.organizationId])).find(
      ({ scope, name }) => scope === key.scope && name === key.name,
    );
    if (!paused) throw new Error('A pause was made, but not found');
    await recordPause(tx, principal, membership.organizationId, { action: 'pause.added', key });
    return paused;
  });
  // A paused task may have had a place that another one of its key can use.
  await reconsiderHeld(deps, principal, made.organizationId);
  return made;
}

/**
 * Ends a pause and sends the messages of the first of what it held; the dispatcher sends the rest.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `pause_not_found`
 */
export async function resume(
  deps: CreateDeps,
  principal: Principal,
  organizationId: string | null,
  key: PauseKey,
): Promise<void> {
  const home = await asMember(deps.db, principal, async (tx, memberships) => {
    const membership = membershipInOrHome(memberships, organizationId);
    demandRight(membership, 'pause');
    if (!(await store.removePause(tx, { organizationId: membership.organizationId, ...key }))) {
      throw new Refusal('not_found', 'pause_not_found', `The ${key.scope} ${key.name} is not paused`);
    }
    await recordPause(tx, principal, membership.organizationId, { action: 'pause.removed', key });
    return membership.organizationId;
  });
  await reconsiderHeld(deps, principal, home);
}

function recordPause(
  tx: Transaction,
  principal: Principal,
  organizationId: string,
  { action, key: { scope, name } }: { action: 'pause.added' | 'pause.removed'; key: PauseKey },
): Promise<void> {
  return recordAct(tx, principal, { organizationId, action, target: `${scope} ${name}` });
}
