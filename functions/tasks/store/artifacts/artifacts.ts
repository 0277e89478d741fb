import type { Database, Transaction } from '../../../database/connect.ts';

/** A file of an organization. Its object in the bucket has the key `artifacts/<id>`. */
export type Artifact = {
  id: string;
  organizationId: string;
  name: string;
  mediaType: string;
  bytes: number;
  /** Hexadecimal; null while the content is unknown. */
  sha256: string | null;
  status: 'pending' | 'ready' | 'deleted';
  /** The user who uploads it; null for an artifact that an attempt creates. */
  createdBy: string | null;
  taskId: string | null;
  attempt: number | null;
  createdAt: Date;
  /** Until then, an address that was given out may write the object. */
  openUntil: Date;
  expiresAt: Date;
};

export type NewArtifact = Pick<
  Artifact,
  'id' | 'organizationId' | 'name' | 'mediaType' | 'bytes' | 'sha256'
> & {
  by: { userId: string } | { taskId: string; attempt: number };
  /** Seconds for which an address may write the object. */
  openSeconds: number;
};

/** Why an artifact has no place. */
export type ArtifactsFull = {
  code: 'too_many_artifacts' | 'artifacts_too_large';
  limit: number;
  /** The artifacts, or bytes, that the organization has. */
  used: number;
};

export const artifactColumnsSql = (on: Database | Transaction) => on`
  a.id, a.organization_id as "organizationId", a.name, a.media_type as "mediaType", a.bytes, a.sha256, a.status,
  a.created_by as "createdBy", a.task_id as "taskId", a.attempt, a.created_at as "createdAt", a.open_until as "openUntil",
  a.expires_at as "expiresAt"`;

/** Quotas as `artifacts` and `bytes`. */
export const boundsSql = (on: Database | Transaction) => on`
  select max(value) filter (where name = 'artifacts_of_organization') as artifacts,
    max(value) filter (where name = 'artifact_bytes_of_organization') as bytes
  from quotas where name in ('artifacts_of_organization', 'artifact_bytes_of_organization')`;

/**
 * Records an artifact before its object is written. The statement counts it: two at once cannot exceed a quota, because both
 * change the row of the organization's sums. A second call with the id is the same artifact, open for longer.
 *
 * @returns why it has no place, or undefined when the organization was deleted
 */
export async function addArtifact(
  on: Database | Transaction,
  artifact: NewArtifact,
): Promise<Artifact | ArtifactsFull | undefined> {
  const { id, organizationId, name, mediaType, bytes, sha256, by, openSeconds } = artifact;
  const [userId, taskId, attempt] = 'userId' in by ? [by.userId, null, null] : [null, by.taskId, by.attempt];
  const rows = await on<Artifact[]>`
    with bounds as (${boundsSql(on)}), again as (
      select from artifacts where id = ${id}
    ), counted as (
      insert into artifact_usage as u (organization_id, artifacts, bytes)
      select o.id, 1, ${bytes}::bigint from bounds join organizations o on o.id = ${organizationId}
      where bounds.artifacts >= 1 and bounds.bytes >= ${bytes}::bigint and not exists (select from again)
      on conflict (organization_id) do update set artifacts = u.artifacts + 1, bytes = u.bytes + excluded.bytes
      where u.artifacts < (select artifacts from bounds) and u.bytes + excluded.bytes <= (select bytes from bounds)
      returning organization_id
    )
    insert into artifacts as a (id, organization_id, name, media_type, bytes, sha256, created_by, task_id, attempt, open_until, expires_at)
    select ${id}::uuid, o.id, ${name}::text, ${mediaType}::text, ${bytes}::bigint, ${sha256}::text, ${userId}::uuid, ${taskId}::uuid, ${attempt}::integer,
      clock_timestamp() + ${openSeconds} * interval '1 second', clock_timestamp() + o.artifact_retention_days * interval '1 day'
    from counted join organizations o on o.id = counted.organization_id
    returning ${artifactColumnsSql(on)}`;
  return rows[0] ?? (await openLonger(on, id, openSeconds)) ?? whyFull(on, organizationId);
}

async function openLonger(
  on: Database | Transaction,
  id: string,
  openSeconds: number,
): Promise<Artifact | undefined> {
  const [artifact] = await on<Artifact[]>`
    update artifacts a set open_until = greatest(a.open_until, clock_timestamp() + ${openSeconds} * interval '1 second')
    where a.id = ${id}
    returning ${artifactColumnsSql(on)}`;
  return artifact;
}

async function whyFull(
  on: Database | Transaction,
  organizationId: string,
): Promise<ArtifactsFull | undefined> {
  const [row] = await on<{ artifacts: number; bytes: number; maxArtifacts: number; maxBytes: number }[]>`
    select coalesce(u.artifacts, 0) as artifacts, coalesce(u.bytes, 0) as bytes, bounds.artifacts as "maxArtifacts",
      bounds.bytes as "maxBytes"
    from (${boundsSql(on)}) bounds
    join organizations o on o.id = ${organizationId}
    left join artifact_usage u on u.organization_id = o.id`;
  if (!row) return undefined;
  // Another artifact may have been removed since the refusal. Then the answer names the bytes, which are more likely.
  return row.artifacts >= row.maxArtifacts
    ? { code: 'too_many_artifacts', limit: row.maxArtifacts, used: row.artifacts }
    : { code: 'artifacts_too_large', limit: row.maxBytes, used: row.bytes };
}

/** Finds an artifact that is ready and that the transaction's principal may see. */
export async function findArtifact(tx: Transaction, id: string): Promise<Artifact | undefined> {
  const [artifact] = await tx<Artifact[]>`
    select ${artifactColumnsSql(tx)} from artifacts a
    where a.id = ${id} and a.status = 'ready' and a.expires_at > clock_timestamp()`;
  return artifact;
}

/** Finds an artifact that a user uploads or has uploaded, and that the transaction's principal may see. */
export async function findUploaded(tx: Transaction, id: string): Promise<Artifact | undefined> {
  const [artifact] = await tx<Artifact[]>`
    select ${artifactColumnsSql(tx)} from artifacts a
    where a.id = ${id} and a.status <> 'deleted' and a.task_id is null and a.expires_at > clock_timestamp()`;
  return artifact;
}

/** Makes an uploaded artifact ready. @returns undefined when it is deleted or expired */
export async function makeReady(tx: Transaction, id: string): Promise<Artifact | undefined> {
  const [artifact] = await tx<Artifact[]>`
    update artifacts a set status = 'ready'
    where a.id = ${id} and a.status <> 'deleted' and a.task_id is null and a.expires_at > clock_timestamp()
    returning ${artifactColumnsSql(tx)}`;
  return artifact;
}

/** Finds an artifact that can be deleted: it is ready, or a user uploads it. */
export async function findDeletable(tx: Transaction, id: string): Promise<Artifact | undefined> {
  const [artifact] = await tx<Artifact[]>`
    select ${artifactColumnsSql(tx)} from artifacts a
    where a.id = ${id} and (a.status = 'ready' or a.status = 'pending' and a.task_id is null) and a.expires_at > clock_timestamp()`;
  return artifact;
}

/** Marks an artifact as deleted. The dispatcher removes its object, and then its row. */
export async function deleteArtifact(tx: Transaction, id: string): Promise<void> {
  await tx`update artifacts set status = 'deleted' where id = ${id} and status <> 'deleted'`;
}

/** Statuses of the artifacts that lists show. */
export type ListedStatus = Exclude<Artifact['status'], 'deleted'>;

export type ArtifactFilter = {
  organizationId: string;
  status: ListedStatus | null;
  taskId: string | null;
  /** Only artifacts created before this one. */
  beforeId: string | null;
};

/** The status stands in the text of the statement: a plan for any status could not use the partial indexes. */
function hasStatusSql(tx: Transaction, status: ListedStatus | null) {
  if (status === null) return tx`a.status <> 'deleted'`;
  return status === 'pending' ? tx`a.status = 'pending'` : tx`a.status = 'ready'`;
}

/** Lists artifacts of an organization, newest first. Deleted and expired ones are not among them. */
export async function listArtifacts(
  tx: Transaction,
  { organizationId, status, taskId, beforeId }: ArtifactFilter,
  limit: number,
): Promise<Artifact[]> {
  return tx<Artifact[]>`
    select ${artifactColumnsSql(tx)} from artifacts a
    where a.organization_id = ${organizationId} and ${hasStatusSql(tx, status)} and a.expires_at > clock_timestamp()
      ${taskId ? tx`and a.task_id = ${taskId}` : tx``}
      ${beforeId ? tx`and a.id < ${beforeId}` : tx``}
    order by a.organization_id, a.id desc
    limit ${limit}`;
}

/** Returns those of the ids that are no artifact of the organization that is ready. */
export async function missingArtifacts(
  on: Database | Transaction,
  organizationId: string,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await on<{ id: string }[]>`
    select given.id from unnest(${ids as string[]}::uuid[]) given (id)
    where not exists (
      select from artifacts a
      where a.id = given.id and a.organization_id = ${organizationId} and a.status = 'ready' and a.expires_at > clock_timestamp()
    )`;
  return rows.map(({ id }) => id);
}
