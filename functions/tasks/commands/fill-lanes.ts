import { asMember, type Principal } from '../../database/enter.ts';
import * as store from '../store/index.ts';
import { type CreateDeps, wakeReleased } from './create.ts';

/** Lanes that one look at all that an organization holds goes through; the dispatcher's ticks go through the rest. */
const LANES = 200;

type FillDeps = Pick<CreateDeps, 'db' | 'enqueue' | 'dispatch'>;

/**
 * Gives the places that are free in these lanes to tasks that are held in them. Best effort: without it, the dispatcher does the
 * same within a minute.
 */
export async function fillLanes(
  deps: FillDeps,
  principal: Principal,
  lanes: readonly store.Lane[],
): Promise<void> {
  if (lanes.length === 0) return;
  await asMember(deps.db, principal, (tx) => store.releaseHeld(tx, lanes, deps.dispatch))
    .then((released) => wakeReleased(deps, principal, released))
    .catch(() => {});
}

/**
 * Releases what an organization holds and what can run by now: something has changed that may concern all of it, a pause or the
 * bound of the organization.
 */
export async function reconsiderHeld(
  deps: FillDeps,
  principal: Principal,
  organizationId: string,
): Promise<void> {
  const lanes = await asMember(deps.db, principal, (tx) => store.heldLanesOf(tx, organizationId, LANES));
  await fillLanes(deps, principal, lanes);
}
