import type { Database } from '../../../database/connect.ts';
import { type Artifact, type ArtifactsFull, artifactColumnsSql, boundsSql } from './artifacts.ts';

/* Artifacts of running attempts, for the worker's role, which sees every organization. */

/** An attempt, as the owner of the artifacts that it creates. */
export type ArtifactOwner = { organizationId: string; taskId: string; attempt: number };

/** Finds an artifact that an attempt may read: it is ready in the attempt's organization, or the attempt has created it. */
export async function readableArtifact(
  db: Database,
  { organizationId, taskId, attempt }: ArtifactOwner,
  id: string,
): Promise<Artifact | undefined> {
  const [artifact] = await db<Artifact[]>`
    select ${artifactColumnsSql(db)} from artifacts a
    where a.id = ${id} and a.organization_id = ${organizationId} and a.expires_at > clock_timestamp()
      and (a.status = 'ready' or a.status = 'pending' and a.task_id = ${taskId} and a.attempt = ${attempt} and a.sha256 is not null)`;
  return artifact;
}

/**
 * Counts further bytes of an artifact that comes in parts, before the part is written.
 *
 * @returns true; why there is no place; or false when the artifact is no longer pending
 */
export async function growArtifact(
  db: Database,
  { organizationId, taskId, attempt }: ArtifactOwner,
  { id, bytes }: { id: string; bytes: number },
): Promise<boolean | ArtifactsFull> {
  const [grown] = await db<
    { isPending: boolean; isGrown: boolean; used: number | null; limit: number | null }[]
  >`
    with bounds as (${boundsSql(db)}), mine as (
      select a.id, a.organization_id from artifacts a
      where a.id = ${id} and a.organization_id = ${organizationId} and a.task_id = ${taskId} and a.attempt = ${attempt} and a.status = 'pending'
      for no key update
    ), counted as (
      update artifact_usage u set bytes = u.bytes + ${bytes}::bigint
      from mine, bounds
      where u.organization_id = mine.organization_id and u.bytes + ${bytes}::bigint <= bounds.bytes
      returning u.organization_id
    ), grown as (
      update artifacts a set bytes = a.bytes + ${bytes}::bigint
      from mine, counted where a.id = mine.id
      returning a.id
    )
    select exists (select from mine) as "isPending", exists (select from grown) as "isGrown",
      (select bytes from artifact_usage where organization_id = ${organizationId}) as used, (select bytes from bounds) as "limit"`;
  if (!grown?.isPending) return false;
  if (grown.isGrown) return true;
  return { code: 'artifacts_too_large', limit: grown.limit ?? 0, used: grown.used ?? 0 };
}

/**
 * Records the content of an artifact whose object is written, and counts its bytes exactly.
 *
 * @returns the artifact, undefined when it is no longer pending
 */
export async function finishArtifact(
  db: Database,
  { organizationId, taskId, attempt }: ArtifactOwner,
  { id, bytes, sha256 }: { id: string; bytes: number; sha256: string },
): Promise<Artifact | undefined> {
  const [artifact] = await db<Artifact[]>`
    with mine as (
      select a.id, a.organization_id, a.bytes from artifacts a
      where a.id = ${id} and a.organization_id = ${organizationId} and a.task_id = ${taskId} and a.attempt = ${attempt} and a.status = 'pending'
      for no key update
    ), counted as (
      update artifact_usage u set bytes = u.bytes - mine.bytes + ${bytes}::bigint
      from mine where u.organization_id = mine.organization_id and mine.bytes <> ${bytes}::bigint
    )
    update artifacts a set bytes = ${bytes}::bigint, sha256 = ${sha256}
    from mine where a.id = mine.id
    returning ${artifactColumnsSql(db)}`;
  return artifact;
}

/**
 * Makes artifacts of an attempt ready, and deletes all others of its task: those that it gave up, and those of earlier attempts.
 * Does nothing when the attempt does not have the task any more.
 */
export async function keepArtifacts(
  db: Database,
  { taskId, organizationId, attempt }: ArtifactOwner,
  ids: readonly string[],
): Promise<void> {
  await db`
    update artifacts a set status = case when a.id = any (${ids as string[]}::uuid[]) then 'ready' else 'deleted' end
    from tasks t
    where a.organization_id = ${organizationId} and a.task_id = ${taskId} and a.attempt <= ${attempt} and a.status <> 'deleted'
      and t.id = a.task_id and t.status = 'RUNNING' and t.attempt = ${attempt}`;
}

/** Deletes the artifacts of an attempt that failed. */
export async function discardArtifacts(
  db: Database,
  { taskId, organizationId, attempt }: ArtifactOwner,
): Promise<void> {
  await db`
    update artifacts a set status = 'deleted'
    where a.organization_id = ${organizationId} and a.task_id = ${taskId} and a.attempt = ${attempt} and a.status = 'pending'`;
}
