import type { createRoute } from '@hono/zod-openapi';
import type { HonoRequest } from 'hono';
import { type FieldError, invalidFields, pointerTo } from '../../refusal.ts';

type Route = Pick<Parameters<typeof createRoute>[0], 'request'>;

/**
 * Refuses input that a route does not declare: a body on a route without a body, or query parameters on a route without
 * any. Ignoring such input could carry out something else than the client wanted, for example a real cancel instead of a
 * dry run. Declared input is checked by the route's own schema.
 *
 * @throws Refusal `invalid_request`, naming every field
 */
export async function refuseUndeclared({ request }: Route, sent: HonoRequest): Promise<void> {
  const queryFields = request?.query ? [] : Object.keys(sent.query()).map(unknownParameter);
  const bodyFields = request?.body ? [] : bodyFaults(await bodyOf(sent));
  const fields = [...queryFields, ...bodyFields];
  if (fields.length > 0) throw invalidFields(fields);
}

/** Returns the body as `jsonBody` has parsed it; an empty object for methods without a body. */
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
