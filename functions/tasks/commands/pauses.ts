import { recordAct } from '../../audit/record.ts';
import type { Transaction } from '../../database/connect.ts';
import { asMemberOf, asReader, type Principal } from '../../database/enter.ts';
import { demandRight } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';
import type { CreateDeps } from './create.ts';
import { reconsiderHeld } from './fill-lanes.ts';

export type Pause = store.Pause;
export type PauseKey = store.PauseKey;

type Named = Pick<store.Pause, 'scope' | 'name'>;

/**
 * Returns a page of the pauses in the principal's organizations, or in one of them.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listPauses(
  { db }: Pick<CreateDeps, 'db'>,
  principal: Principal,
  {
    organizationId,
    after,
    limit,
  }: { organizationId: string | null; after: store.PauseKey | null; limit: number },
): Promise<{ pauses: Pause[]; more: boolean }> {
  return asReader(db, { ...principal, organizationId }, async (tx) => {
    const wanted = { organizationId, memberId: principal.userId, after };
    const rows = await store.listPauses(tx, wanted, limit + 1);
    return { pauses: rows.slice(0, limit), more: rows.length > limit };
  });
}

/**
 * Pauses a kind or a queue in an organization: due tasks are held. Running tasks go on.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`
 */
export async function pause(
  deps: CreateDeps,
  principal: Principal,
  { organizationId, key }: { organizationId: string | null; key: Named },
): Promise<Pause> {
  const made = await asMemberOf(deps.db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'pause');
    const named = { organizationId: membership.organizationId, ...key };
    await store.addPause(tx, named, principal.userId);
    const paused = await store.findPause(tx, named);
    if (!paused) throw new Error('The new pause was not found');
    await recordPause(tx, principal, {
      organizationId: membership.organizationId,
      action: 'pause.added',
      key,
    });
    return paused;
  });
  // A paused task may have had a place that another task with the same concurrency key can use.
  await reconsiderHeld(deps, principal, made.organizationId);
  return made;
}

/**
 * Ends a pause and sends the messages of the first held tasks. The dispatcher sends the rest.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `pause_not_found`
 */
export async function resume(
  deps: CreateDeps,
  principal: Principal,
  { organizationId, key }: { organizationId: string | null; key: Named },
): Promise<void> {
  const home = await asMemberOf(deps.db, { ...principal, organizationId }, async (tx, membership) => {
    demandRight(membership, 'pause');
    if (!(await store.removePause(tx, { organizationId: membership.organizationId, ...key }))) {
      throw new Refusal('not_found', 'pause_not_found', `The ${key.scope} ${key.name} is not paused`);
    }
    await recordPause(tx, principal, {
      organizationId: membership.organizationId,
      action: 'pause.removed',
      key,
    });
    return membership.organizationId;
  });
  await reconsiderHeld(deps, principal, home);
}

function recordPause(
  tx: Transaction,
  principal: Principal,
  {
    organizationId,
    action,
    key: { scope, name },
  }: { organizationId: string; action: 'pause.added' | 'pause.removed'; key: Named },
): Promise<void> {
  return recordAct(tx, principal, { organizationId, action, target: `${scope} ${name}` });
}
