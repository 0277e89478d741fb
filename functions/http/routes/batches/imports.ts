import { createRoute } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import * as z from 'zod';
import { JsonText } from '../../../exact-json/json-text.ts';
import { idsFrom } from '../../../idempotency/ids-from.ts';
import type { Bucket } from '../../../tasks/artifacts/bucket.ts';
import type { CreateDeps } from '../../../tasks/commands/create.ts';
import { dependsOn, TaskFields } from '../../../tasks/commands/task-fields.ts';
import { beginImport, reportAddress } from '../../../tasks/imports/imports.ts';
import { beginUpload, MAX_UPLOAD_BYTES } from '../../../tasks/imports/uploads.ts';
import { IMPORT_FORMATS } from '../../../tasks/kinds/batch-import/schema.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, problems, secured } from '../../app/describe.ts';
import { secret } from '../../app/secret.ts';
import { BatchView, batchView } from './batch-view.ts';
import { batchFields } from './bulk-request.ts';

const format = z.enum(IMPORT_FORMATS);

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;

const Upload = z
  .object({
    id: z.uuid(),
    organization: z.uuid(),
    method: z.literal('PUT'),
    url: secret(z.string().describe('Upload address. It needs no further authentication')),
    headers: z.record(z.string(), z.string()).describe('Headers of the upload request'),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Upload' });

const upload = createRoute({
  method: 'post',
  path: '/api/uploads',
  operationId: 'createUpload',
  summary: 'Create an upload address for the tasks of a batch',
  description:
    'The address is valid for 15 minutes. An upload that is not imported is deleted after a day. An organization may have 50 such uploads, with 5,368,709,120 bytes in total.',
  ...secured('Batches'),
  request: {
    body: json(
      z.strictObject({
        format,
        bytes: z.int().min(1).max(MAX_UPLOAD_BYTES).describe('Exact length of the upload'),
        organization: batchFields.organization,
      }),
    ),
  },
  responses: {
    201: answer('The upload address', Upload),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const ImportRequest = z
  .strictObject({
    ...batchFields,
    upload: Id.describe('`id` of `POST /api/uploads/`'),
    format: format.describe(
      '`ndjson`: one task as JSON on each line. `csv`: the first row names the fields; a column `payload.<field>` is a field of the payload',
    ),
    defaults: TaskFields.extend({ depends_on: dependsOn })
      .partial()
      .default({})
      .describe('Values for fields that a line leaves out'),
    partial: z
      .boolean()
      .default(false)
      .describe('True: creates the tasks of all valid lines. False: creates all or none'),
  })
  .meta({ id: 'ImportRequest' });

const begin = createRoute({
  method: 'post',
  path: '/api/batches/import',
  operationId: 'importBatch',
  summary: 'Create a batch of up to a million tasks from an upload',
  description:
    'A task of kind `batch.import` checks every line and then creates the tasks. Its result or error lists invalid lines.',
  ...secured('Batches'),
  request: { body: json(ImportRequest) },
  responses: {
    202: answer('The batch, before its tasks are created', z.object({ batch: BatchView, task: z.uuid() })),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const report = createRoute({
  method: 'get',
  path: '/api/batches/{batchId}/report',
  operationId: 'getImportReport',
  summary: 'All invalid lines of an import',
  ...secured('Batches'),
  request: { params: z.object({ batchId: Id }) },
  responses: {
    200: answer(
      'Download address of the NDJSON report. Valid for five minutes',
      z.object({ url: secret(z.string()) }),
    ),
    ...problems(400, 401, 404),
  },
});

/** Returns the defaults with their payload as it was written. */
function exactDefaults(defaults: object, payload: JsonText | undefined): JsonText {
  const members = new Map(Object.entries(defaults).map(([name, value]) => [name, JsonText.of(value)]));
  if (payload) members.set('payload', payload);
  return JsonText.object(members);
}

export function registerImportRoutes(app: App, deps: CreateDeps & { artifacts: Bucket }): void {
  app.openapi(upload, async (c) => {
    const { format: given, bytes, organization } = c.req.valid('json');
    const [id = ''] = idsFrom(c.var.seed ?? uuidv7(), 1);
    const wanted = { id, organizationId: organization ?? null, bytes };
    const { organizationId, url, expiresAt } = await beginUpload(deps, c.var.principal, wanted);
    return c.json(
      {
        id,
        organization: organizationId,
        method: 'PUT' as const,
        url,
        headers: { 'content-type': CONTENT_TYPES[given] },
        expires_at: expiresAt.toISOString(),
      },
      201,
    );
  });

  app.openapi(begin, async (c) => {
    const { organization, defaults, ...wanted } = c.req.valid('json');
    const [batch = '', task = ''] = idsFrom(c.var.seed ?? uuidv7(), 2);
    const request = {
      ...wanted,
      organizationId: organization ?? null,
      ids: { batch, task },
      defaults: exactDefaults(defaults, c.var.source.payloads.get('/defaults/payload')),
    };
    const begun = await beginImport(deps, c.var.principal, request);
    return c.json({ batch: batchView(begun), task }, 202, { Location: `/api/batches/${batch}/` });
  });

  app.openapi(report, async (c) =>
    c.json({ url: await reportAddress(deps, c.var.principal, c.req.valid('param').batchId) }, 200),
  );
}
