import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import type { Database } from '../../../database/connect.ts';
import { Address } from '../../../mail/address.ts';
import {
  addSuppressions,
  getSuppression,
  listSuppressions,
  MAX_ADDED,
  removeSuppression,
} from '../../../mail/operations/suppressions.ts';
import { SUPPRESSION_REASONS, type Suppression } from '../../../mail/suppression.ts';
import { Id } from '../../../text-rules.ts';
import type { App } from '../../app/app.ts';
import { answer, json, problems, secured } from '../../app/describe.ts';
import { page } from '../../pages/page.ts';
import { pageLimit } from '../../pages/page-limit.ts';

const SuppressionView = z
  .object({
    address: z.string().describe('In lower case, its domain in ASCII'),
    reason: z
      .enum(SUPPRESSION_REASONS)
      .describe(
        '`bounce`: it does not exist; `complaint`: its owner took a mail for spam; `unsubscribe`; `manual`',
      ),
    detail: z.string().nullable().describe('What a mail server said'),
    task: z.uuid().nullable().describe('The task whose mail it was'),
    created_by: z.uuid().nullable().describe('The user who added it'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Suppression' });

const AddSuppressions = z
  .strictObject({
    addresses: z.array(Address).min(1).max(MAX_ADDED),
    organization: Id.optional().describe('Default: your personal organization'),
  })
  .meta({ id: 'AddSuppressions' });

const ofOrganization = z.strictObject({
  organization: Id.optional().describe('Default: your personal organization'),
});

/** The last address seen. Plain text, so that a pattern can describe it. */
const PLACE = /^[!-~]{3,254}$/;

const ListSuppressions = ofOrganization.extend({
  limit: pageLimit({ max: 100, default: 50 }),
  cursor: z
    .string()
    .regex(PLACE, 'Is not a cursor of this list')
    .optional()
    .describe('`next_cursor` of the previous page'),
});

const collection = { path: '/api/suppressions', ...secured('Mail') } as const;
const oneAddress = {
  path: '/api/suppressions/{address}',
  ...secured('Mail'),
  request: { params: z.object({ address: Address }), query: ofOrganization },
} as const;

const list = createRoute({
  ...collection,
  method: 'get',
  operationId: 'listSuppressions',
  summary: 'List the addresses that get no mail of an organization, by address',
  request: { query: ListSuppressions },
  responses: {
    200: answer(
      'A page',
      z.object({ results: z.array(SuppressionView), next_cursor: z.string().nullable() }),
    ),
    ...problems(400, 401, 404),
  },
});

const add = createRoute({
  ...collection,
  method: 'post',
  operationId: 'addSuppressions',
  summary: 'Send no more mail to addresses',
  description:
    'An address that is suppressed already keeps its reason. Mails that are under way are not stopped.',
  request: { body: json(AddSuppressions) },
  responses: {
    200: answer('The suppressions of these addresses', z.object({ results: z.array(SuppressionView) })),
    ...problems(400, 401, 403, 404, 409, 413, 415, 422),
  },
});

const read = createRoute({
  ...oneAddress,
  method: 'get',
  operationId: 'getSuppression',
  summary: 'Why an address gets no mail',
  responses: { 200: answer('Its suppression', SuppressionView), ...problems(400, 401, 404) },
});

const remove = createRoute({
  ...oneAddress,
  method: 'delete',
  operationId: 'removeSuppression',
  summary: 'Send mail to an address again',
  responses: { 204: { description: 'Removed' }, ...problems(400, 401, 403, 404) },
});

/** Registers the routes of the addresses that get no mail. */
export function registerSuppressionRoutes(app: App, deps: { db: Database }): void {
  app.openapi(list, async (c) => {
    const { organization = null, limit, cursor = '' } = c.req.valid('query');
    const reader = { ...c.var.principal, organizationId: organization };
    const { suppressions, more } = await listSuppressions(deps, reader, { after: cursor, limit });
    const cursorOf = ({ address }: Suppression) => address;
    return c.json(page(suppressions, { more, view: suppressionView, cursorOf }), 200);
  });

  app.openapi(add, async (c) => {
    const { organization = null, addresses } = c.req.valid('json');
    const writer = { ...c.var.principal, organizationId: organization };
    const added = await addSuppressions(deps, writer, addresses);
    return c.json({ results: added.map(suppressionView) }, 200);
  });

  app.openapi(read, async (c) => {
    const { organization = null } = c.req.valid('query');
    const reader = { ...c.var.principal, organizationId: organization };
    return c.json(suppressionView(await getSuppression(deps, reader, c.req.valid('param').address)), 200);
  });

  app.openapi(remove, async (c) => {
    const { organization = null } = c.req.valid('query');
    const writer = { ...c.var.principal, organizationId: organization };
    await removeSuppression(deps, writer, c.req.valid('param').address);
    return c.body(null, 204);
  });
}

function suppressionView(suppression: Suppression): z.infer<typeof SuppressionView> {
  const { address, reason, detail, taskId, createdBy, createdAt } = suppression;
  return {
    address,
    reason,
    detail,
    task: taskId,
    created_by: createdBy,
    created_at: createdAt.toISOString(),
  };
}
