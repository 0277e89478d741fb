import type { Database } from '../../database/connect.ts';
import { asMemberOf, type Membership, type Principal } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import type { Bucket } from '../artifacts/bucket.ts';
import * as store from '../store/index.ts';

/** Seconds for which the address of an upload is valid. */
const ADDRESS_SECONDS = 900;

/** Upper bound of an upload in bytes: half a kilobyte for each of a million lines. */
export const MAX_UPLOAD_BYTES = 536_870_912;

export type Upload = {
  organizationId: string;
  /** Takes one PUT of exactly the requested number of bytes. */
  url: string;
  expiresAt: Date;
};

export const uploadKey = (organizationId: string, id: string) => `uploads/${organizationId}/${id}`;

export const reportKey = (organizationId: string, batchId: string) => `reports/${organizationId}/${batchId}`;

/**
 * Returns an address for an upload of the lines of an import.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`, `too_many_uploads`, `uploads_too_large`
 */
export async function beginUpload(
  { db, artifacts }: { db: Database; artifacts: Bucket },
  principal: Principal,
  { id, organizationId, bytes }: { id: string; organizationId: string | null; bytes: number },
): Promise<Upload> {
  const home = await asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    const home = writable(membership);
    const upload = { id, organizationId: home, bytes, openSeconds: ADDRESS_SECONDS };
    const refusal = await store.addUpload(tx, upload);
    if (refusal !== null) throw new Refusal('conflict', refusal, ...FULL[refusal]);
    return home;
  });
  return {
    organizationId: home,
    url: artifacts.presignUpload(uploadKey(home, id), bytes, ADDRESS_SECONDS),
    expiresAt: new Date(Date.now() + ADDRESS_SECONDS * 1000),
  };
}

const FULL: Record<store.UploadRefusal, [message: string, data: { limit: number }]> = {
  too_many_uploads: [
    `An organization may have ${store.MAX_UPLOADS} uploads that are not imported; import one first, or wait: an address that nobody uses counts for half an hour, an upload for a day`,
    { limit: store.MAX_UPLOADS },
  ],
  uploads_too_large: [
    `The uploads of an organization that are not imported may have ${store.MAX_STORED_BYTES} bytes together; import one first, or wait: an upload counts for a day`,
    { limit: store.MAX_STORED_BYTES },
  ],
};

/** Uploads that one step handles, and how many of them in parallel. */
const STEP = 200;
const PARALLEL = 8;

type SweepDeps = { db: Database; artifacts: Pick<Bucket, 'head' | 'remove'> };

/**
 * Removes uploads that were not imported for a day, and forgets uploads whose address expired without a PUT.
 *
 * @param timeLeft returns true while there is time for another step
 * @returns the number of uploads that are gone
 */
export async function sweepUploads(deps: SweepDeps, timeLeft: () => boolean): Promise<number> {
  let gone = 0;
  for (;;) {
    const overdue = await store.overdueUploads(deps.db, STEP);
    const isLast = overdue.length < STEP;
    gone += await sweepSome(deps, overdue);
    if (isLast || !timeLeft()) return gone;
  }
}

async function sweepSome({ db, artifacts }: SweepDeps, overdue: store.OverdueUpload[]): Promise<number> {
  const [gone, stored]: [string[], string[]] = [[], []];
  const look = async ({ id, organizationId, isOld }: store.OverdueUpload): Promise<void> => {
    const key = uploadKey(organizationId, id);
    if (isOld) await artifacts.remove(key);
    const isThere = !isOld && (await artifacts.head(key)) !== undefined;
    (isThere ? stored : gone).push(id);
  };
  const next = async (): Promise<void> => {
    for (let upload = overdue.pop(); upload !== undefined; upload = overdue.pop()) await look(upload);
  };
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, next));
  // Store what is known, even if the bucket failed for another upload.
  if (stored.length > 0) await store.markStored(db, stored);
  if (gone.length > 0) await store.forgetUploads(db, gone);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return gone.length;
}

/** Returns the organization of a membership that may write. @throws Refusal `role_insufficient` */
export function writable({ role, organizationId }: Membership): string {
  if (role === 'viewer') throw roleInsufficient(role);
  return organizationId;
}

export function uploadNotFound(): Refusal {
  return new Refusal(
    'not_found',
    'upload_not_found',
    'There is no such upload: it is not complete yet, or was deleted',
  );
}
