import { asMember, type Principal } from '../../database/enter.ts';
import * as store from '../store/index.ts';
import { type CreateDeps, wakeReleased } from './create.ts';

/** Lanes of an organization that `reconsiderHeld` looks at. The dispatcher's ticks look at the rest. */
const LANES = 200;

type FillDeps = Pick<CreateDeps, 'db' | 'enqueue' | 'dispatch'>;

/**
 * Gives free places in these lanes to tasks that are held there. Best effort: if it fails, the dispatcher does it within a
 * minute.
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
 * Releases the held tasks of an organization that can run now. Call it after a change that may concern all its held tasks: of a
 * pause, or of the organization's limit.
 */
export async function reconsiderHeld(
  deps: FillDeps,
  principal: Principal,
  organizationId: string,
): Promise<void> {
  const lanes = await asMember(deps.db, principal, (tx) => store.heldLanesOf(tx, organizationId, LANES));
  await fillLanes(deps, principal, lanes);
}
