import { createRoute } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import * as z from 'zod';
import { idsFrom } from '../../idempotency/ids-from.ts';
import { ArtifactName, MAX_ARTIFACT_BYTES, MediaType, Sha256 } from '../../tasks/artifacts/artifact.ts';
import {
  type Artifact,
  type ArtifactDeps,
  beginArtifact,
  completeArtifact,
  deleteArtifact,
  getArtifact,
  listArtifacts,
} from '../../tasks/artifacts/artifacts.ts';
import { Id } from '../../text-rules.ts';
import type { App } from '../app/app.ts';
import { answer, json, NEWEST_FIRST, problems, secured } from '../app/describe.ts';
import { secret } from '../app/secret.ts';
import { cursor, encodeCursor } from '../pages/cursor.ts';
import { page, pageOf } from '../pages/page.ts';
import { pageLimit } from '../pages/page-limit.ts';

const LISTED_STATUSES = ['pending', 'ready'] as const;

const ArtifactView = z
  .object({
    id: z.uuid(),
    organization: z.uuid(),
    name: z.string(),
    media_type: z.string(),
    bytes: z.int().describe('While an attempt writes it, the bytes so far'),
    sha256: z.string().nullable().describe('64 hexadecimal digits; null while an attempt writes it'),
    status: z.enum(LISTED_STATUSES).describe('`pending`: its content is not complete yet'),
    created_by: z.uuid().nullable().describe('Id of the user; null when a task created it'),
    task: z.uuid().nullable().describe('The task that created it'),
    attempt: z.int().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().describe('After this, it is removed'),
  })
  .meta({ id: 'Artifact' });

const ArtifactUpload = ArtifactView.extend({
  upload: z.object({
    method: z.literal('PUT'),
    url: secret(z.string().describe('Takes exactly this content, without further authentication')),
    headers: z.record(z.string(), z.string()).describe('To send with it'),
    expires_at: z.iso.datetime(),
  }),
}).meta({ id: 'ArtifactUpload' });

const ArtifactDownload = ArtifactView.extend({
  download: z.object({
    url: secret(z.string().describe('Gives the content as an attachment, without further authentication')),
    expires_at: z.iso.datetime(),
  }),
}).meta({ id: 'ArtifactDownload' });

const CreateArtifact = z
  .strictObject({
    name: ArtifactName,
    media_type: MediaType,
    bytes: z.int().min(0).max(MAX_ARTIFACT_BYTES).describe('The length of the content, exactly'),
    sha256: Sha256.describe('SHA-256 of the content, hexadecimal'),
    organization: Id.optional().describe('Default: your personal organization'),
  })
  .meta({ id: 'CreateArtifact' });

const ListArtifacts = z.strictObject({
  organization: Id.optional().describe('Default: your personal organization'),
  status: z.enum(LISTED_STATUSES).optional(),
  task: Id.optional().describe('Only what this task created'),
  limit: pageLimit({ max: 100, default: 50 }),
  cursor,
});

const collection = { path: '/api/artifacts', ...secured('Artifacts') } as const;
const oneArtifact = {
  path: '/api/artifacts/{artifactId}',
  ...secured('Artifacts'),
  request: { params: z.object({ artifactId: Id }) },
} as const;

const create = createRoute({
  ...collection,
  method: 'post',
  operationId: 'createArtifact',
  summary: 'Get an address to upload a file to',
  description:
    'Good for 15 minutes, and for this content only: S3 refuses another length, checksum or media type. Then complete the artifact. An artifact that is not completed is removed half an hour later.',
  request: { body: json(CreateArtifact) },
  responses: {
    201: answer('The artifact, and where to send its content', ArtifactUpload),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const complete = createRoute({
  ...oneArtifact,
  method: 'post',
  path: '/api/artifacts/{artifactId}/complete',
  operationId: 'completeArtifact',
  summary: 'Say that the content of an artifact was uploaded',
  responses: { 200: answer('It is ready', ArtifactView), ...problems(400, 401, 403, 404, 409) },
});

const list = createRoute({
  ...collection,
  method: 'get',
  operationId: 'listArtifacts',
  summary: 'List artifacts of an organization, newest first',
  description: NEWEST_FIRST,
  request: { query: ListArtifacts },
  responses: {
    200: answer('A page', pageOf(ArtifactView)),
    ...problems(400, 401, 404),
  },
});

const read = createRoute({
  ...oneArtifact,
  method: 'get',
  operationId: 'getArtifact',
  summary: 'One artifact, and an address of its content',
  description:
    'The address is good for 15 minutes. An artifact that is not ready is not found, like one that does not exist.',
  responses: { 200: answer('The artifact', ArtifactDownload), ...problems(400, 401, 404) },
});

const remove = createRoute({
  ...oneArtifact,
  method: 'delete',
  operationId: 'deleteArtifact',
  summary: 'Delete an artifact',
  description:
    'Nobody finds it from now on. It counts for the quota until its content is removed: within a minute, but not before half an hour after its creation.',
  responses: { 204: { description: 'Deleted' }, ...problems(400, 401, 403, 404) },
});

/** Registers the routes of an organization's files. */
export function registerArtifactRoutes(app: App, deps: ArtifactDeps): void {
  app.openapi(create, async (c) => {
    const { organization = null, media_type: mediaType, ...wanted } = c.req.valid('json');
    const [id = ''] = idsFrom(c.var.seed ?? uuidv7(), 1);
    const request = { ...wanted, id, mediaType, organizationId: organization };
    const { artifact, upload } = await beginArtifact(deps, c.var.principal, request);
    return c.json(
      {
        ...artifactView(artifact),
        upload: { method: 'PUT' as const, ...upload, expires_at: artifact.openUntil.toISOString() },
      },
      201,
      { Location: `/api/artifacts/${id}/` },
    );
  });

  app.openapi(complete, async (c) =>
    c.json(artifactView(await completeArtifact(deps, c.var.principal, c.req.valid('param').artifactId)), 200),
  );

  app.openapi(list, async (c) => {
    const query = c.req.valid('query');
    const { organization = null, status = null, task = null, cursor: beforeId = null, limit } = query;
    const { artifacts, more } = await listArtifacts(deps, c.var.principal, {
      filter: { organizationId: organization, status, taskId: task, beforeId },
      limit,
    });
    return c.json(page(artifacts, { more, view: artifactView, cursorOf: ({ id }) => encodeCursor(id) }), 200);
  });

  app.openapi(read, async (c) => {
    const { artifactId } = c.req.valid('param');
    const { artifact, url, urlExpiresAt } = await getArtifact(deps, c.var.principal, artifactId);
    return c.json(
      { ...artifactView(artifact), download: { url, expires_at: urlExpiresAt.toISOString() } },
      200,
    );
  });

  app.openapi(remove, async (c) => {
    await deleteArtifact(deps, c.var.principal, c.req.valid('param').artifactId);
    return c.body(null, 204);
  });
}

function artifactView(artifact: Artifact): z.infer<typeof ArtifactView> {
  return {
    id: artifact.id,
    organization: artifact.organizationId,
    name: artifact.name,
    media_type: artifact.mediaType,
    bytes: artifact.bytes,
    sha256: artifact.sha256,
    status: artifact.status === 'ready' ? 'ready' : 'pending',
    created_by: artifact.createdBy,
    task: artifact.taskId,
    attempt: artifact.attempt,
    created_at: artifact.createdAt.toISOString(),
    expires_at: artifact.expiresAt.toISOString(),
  };
}
