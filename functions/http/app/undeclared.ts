import type { createRoute } from '@hono/zod-openapi';
import type { HonoRequest } from 'hono';
import { type FieldError, pointerTo, Refusal } from '../../refusal.ts';

type Route = Pick<Parameters<typeof createRoute>[0], 'request'>;

/**
 * Refuses what a route does not declare: a body where the route takes none, query parameters where it knows none.
 * Ignoring them would carry out something else than was asked, such as a cancel that was meant as a dry run.
 * What a route declares is checked by its own schema.
 *
 * @throws Refusal `invalid_request`, naming every field
 */
export async function refuseUndeclared({ request }: Route, sent: HonoRequest): Promise<void> {
  const queryFields = request?.query ? [] : Object.keys(sent.query()).map(unknownParameter);
  const bodyFields = request?.body ? [] : bodyFaults(await bodyOf(sent));
  const fields = [...queryFields, ...bodyFields];
  const [first] = fields;
  if (first) {
    const name = first.pointer.slice(1) || 'The body';
    throw new Refusal('invalid', 'invalid_request', `${name}: ${first.detail}`, {}, fields);
  }
}

/** The body as `jsonBody` has parsed it. A method without a body has none to read. */
async function bodyOf(request: HonoRequest): Promise<unknown> {
  return request.method === 'GET' || request.method === 'HEAD' ? {} : request.json();
}

function unknownParameter(name: string): FieldError {
  return { in: 'query', pointer: pointerTo([name]), detail: 'Unknown parameter' };
}

function bodyFaults(body: unknown): FieldError[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [{ in: 'body', pointer: '', detail: 'Must be empty, or an object without fields' }];
  }
  return Object.keys(body).map((key) => ({
    in: 'body',
    pointer: pointerTo([key]),
    detail: 'Unknown field: this action takes no body',
  }));
}
