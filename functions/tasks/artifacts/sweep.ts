import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';
import { artifactKey } from './artifact.ts';
import type { Bucket } from './bucket.ts';

/** Artifacts that one step handles, and how many of them in parallel. */
const STEP = 200;
const PARALLEL = 8;

type SweepDeps = { db: Database; artifacts: Pick<Bucket, 'remove'> };

/**
 * Removes artifacts that were deleted, that have expired, or whose upload never came. A row is marked as deleted before its object
 * goes, and removed afterwards: wherever this stops, the next call continues.
 *
 * @param timeLeft returns true while there is time for another step
 * @returns the number of artifacts that are gone
 * @throws the first error of the bucket, after the rows of the objects that are gone were removed
 */
export async function sweepArtifacts({ db, artifacts }: SweepDeps, timeLeft: () => boolean): Promise<number> {
  let gone = 0;
  for (;;) {
    await store.markOverdueArtifacts(db, STEP);
    const removable = await store.removableArtifacts(db, STEP);
    gone += await removeSome({ db, artifacts }, removable);
    if (removable.length < STEP || !timeLeft()) return gone;
  }
}

async function removeSome(
  { db, artifacts }: SweepDeps,
  removable: readonly store.RemovableArtifact[],
): Promise<number> {
  const left = [...removable];
  const removed: store.RemovableArtifact[] = [];
  const next = async (): Promise<void> => {
    for (let each = left.pop(); each !== undefined; each = left.pop()) {
      await artifacts.remove(artifactKey(each.id));
      removed.push(each);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, next));
  // One statement for each organization: it waits for the organization's sums, and must not hold those of others meanwhile.
  for (const [organizationId, ids] of byOrganization(removed))
    await store.forgetArtifacts(db, organizationId, ids);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return removed.length;
}

function byOrganization(removed: readonly store.RemovableArtifact[]): Map<string | null, string[]> {
  const groups = new Map<string | null, string[]>();
  for (const { id, organizationId } of removed) {
    groups.set(organizationId, [...(groups.get(organizationId) ?? []), id]);
  }
  return groups;
}
