import type { Artifacts } from '../aws/artifacts.ts';
import type { Database } from '../database/connect.ts';
import { asMember, type Entered, type Principal } from '../database/enter.ts';
import { membershipInOrHome, roleInsufficient } from '../organizations/rights.ts';
import { Refusal } from '../refusal.ts';

/** Seconds that an address for an upload is good for. */
const ADDRESS_SECONDS = 900;

/** Bytes of an upload: half a kilobyte for each of a million lines. */
export const MAX_UPLOAD_BYTES = 536_870_912;

export type Upload = {
  organizationId: string;
  /** Takes a PUT of exactly so many bytes. */
  url: string;
  expiresAt: Date;
};

export const uploadKey = (organizationId: string, id: string) => `uploads/${organizationId}/${id}`;

export const reportKey = (organizationId: string, batchId: string) => `reports/${organizationId}/${batchId}`;

/**
 * An address to upload the lines of an import to.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`
 */
export async function beginUpload(
  { db, artifacts }: { db: Database; artifacts: Artifacts },
  principal: Principal,
  { id, organizationId, bytes }: { id: string; organizationId: string | null; bytes: number },
): Promise<Upload> {
  const home = await asMember(db, principal, async (_tx, memberships) =>
    writableHome(memberships, organizationId),
  );
  return {
    organizationId: home,
    url: artifacts.presignUpload(uploadKey(home, id), bytes, ADDRESS_SECONDS),
    expiresAt: new Date(Date.now() + ADDRESS_SECONDS * 1000),
  };
}

/** The organization that is meant, if the principal may write to it. */
export function writableHome(memberships: readonly Entered[], organizationId: string | null): string {
  const home = membershipInOrHome(memberships, organizationId);
  if (home.role === 'viewer') throw roleInsufficient(home.role);
  return home.organizationId;
}

export function uploadNotFound(): Refusal {
  return new Refusal(
    'not_found',
    'upload_not_found',
    'There is no such upload: it was not made yet, or is gone',
  );
}
