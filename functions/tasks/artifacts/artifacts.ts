import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asMemberOf, membershipIn, type Principal } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';
import { ADDRESS_SECONDS, artifactKey, artifactsFullMessage } from './artifact.ts';
import type { Bucket, ContentAddress } from './bucket.ts';

export type { Artifact } from '../store/index.ts';

export type ArtifactDeps = {
  db: Database;
  artifacts: Pick<Bucket, 'presignContent' | 'presignDownload' | 'head'>;
};

export type ArtifactRequest = {
  /** A repeated request gives the id of the first one. */
  id: string;
  /** Null for the principal's personal organization. */
  organizationId: string | null;
  name: string;
  mediaType: string;
  bytes: number;
  sha256: string;
};

/**
 * Records an artifact, and returns an address that takes its content.
 *
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`, `too_many_artifacts`, `artifacts_too_large`
 */
export async function beginArtifact(
  { db, artifacts }: ArtifactDeps,
  principal: Principal,
  { organizationId, ...wanted }: ArtifactRequest,
): Promise<{ artifact: store.Artifact; upload: ContentAddress }> {
  const artifact = await asMemberOf(db, { ...principal, organizationId }, async (tx, membership) => {
    if (membership.role === 'viewer') throw roleInsufficient(membership.role);
    const made = await store.addArtifact(tx, {
      ...wanted,
      organizationId: membership.organizationId,
      by: principal,
      openSeconds: ADDRESS_SECONDS,
    });
    if (!made) throw new Error('An artifact was neither written nor refused');
    if ('code' in made) throw artifactsFull(made);
    // A repeated request, after the artifact was deleted.
    if (made.status === 'deleted') throw artifactNotFound();
    return made;
  });
  const { bytes, sha256, mediaType } = wanted;
  const terms = { bytes, sha256, mediaType };
  return { artifact, upload: artifacts.presignContent(artifactKey(artifact.id), terms, ADDRESS_SECONDS) };
}

/**
 * Makes an uploaded artifact ready. An artifact that is ready already stays so.
 *
 * @throws Refusal `artifact_not_found`, `artifact_not_uploaded`, `role_insufficient`
 */
export async function completeArtifact(
  { db, artifacts }: ArtifactDeps,
  principal: Principal,
  id: string,
): Promise<store.Artifact> {
  const found = await asMember(db, principal, (tx) => writable(tx, store.findUploaded, id));
  if (found.status === 'ready') return found;
  // S3 has compared length, checksum and media type when it took the object.
  if (!(await artifacts.head(artifactKey(id)))) {
    throw new Refusal(
      'conflict',
      'artifact_not_uploaded',
      `The content was not uploaded yet: send it to the address first, until ${found.openUntil.toISOString()}`,
    );
  }
  const ready = await asMember(db, principal, (tx) => store.makeReady(tx, id));
  if (!ready) throw artifactNotFound();
  return ready;
}

/** Returns an artifact that is ready, and an address of its content. @throws Refusal `artifact_not_found` */
export async function getArtifact(
  { db, artifacts }: ArtifactDeps,
  principal: Principal,
  id: string,
): Promise<{ artifact: store.Artifact; url: string; urlExpiresAt: Date }> {
  const artifact = await asMember(db, principal, (tx) => store.findArtifact(tx, id));
  if (!artifact) throw artifactNotFound();
  return {
    artifact,
    url: artifacts.presignDownload(artifactKey(id), artifact.name, ADDRESS_SECONDS),
    urlExpiresAt: new Date(Date.now() + ADDRESS_SECONDS * 1000),
  };
}

/**
 * Deletes an artifact: nobody finds it any more. The dispatcher removes its object.
 *
 * @throws Refusal `artifact_not_found`, `role_insufficient`
 */
export async function deleteArtifact(
  { db }: Pick<ArtifactDeps, 'db'>,
  principal: Principal,
  id: string,
): Promise<void> {
  await asMember(db, principal, async (tx) => {
    await writable(tx, store.findDeletable, id);
    await store.deleteArtifact(tx, id);
  });
}

/**
 * Returns a page of an organization's artifacts, newest first.
 *
 * @throws Refusal `organization_not_found`
 */
export async function listArtifacts(
  { db }: Pick<ArtifactDeps, 'db'>,
  principal: Principal,
  {
    filter: { organizationId, ...filter },
    limit,
  }: {
    filter: Omit<store.ArtifactFilter, 'organizationId'> & { organizationId: string | null };
    limit: number;
  },
): Promise<{ artifacts: store.Artifact[]; more: boolean }> {
  const found = await asMemberOf(db, { ...principal, organizationId }, (tx, home) =>
    store.listArtifacts(tx, { ...filter, organizationId: home.organizationId }, limit + 1),
  );
  return { artifacts: found.slice(0, limit), more: found.length > limit };
}

/** Finds an artifact that the principal may change. @throws Refusal `artifact_not_found`, `role_insufficient` */
async function writable(
  tx: Transaction,
  find: (tx: Transaction, id: string) => Promise<store.Artifact | undefined>,
  id: string,
): Promise<store.Artifact> {
  const artifact = await find(tx, id);
  if (!artifact) throw artifactNotFound();
  const { role } = await membershipIn(tx, artifact.organizationId);
  if (role === 'viewer') throw roleInsufficient(role);
  return artifact;
}

/** Returns the refusal of an artifact of another organization, and equally of one that is expired, deleted or not uploaded. */
export function artifactNotFound(): Refusal {
  return new Refusal('not_found', 'artifact_not_found', 'There is no such artifact');
}

/** Returns the refusal of an artifact that exceeds a quota of its organization. */
export function artifactsFull({ code, limit, used }: store.ArtifactsFull): Refusal {
  return new Refusal('conflict', code, artifactsFullMessage({ code, limit, used }), { limit, used });
}
