import type { ErrorCode } from '../app/error-codes.ts';
import { KEY_DESCRIPTION, KEY_PATTERN } from '../app/idempotency.ts';
import { problem, titleOf } from '../app/problem.ts';
import type { Answer, Header, Operation, Paths } from './openapi.ts';

/** The meaning of each refusal and failure, with an example of its code and text. */
const REFUSALS: Record<number, [meaning: string, code: ErrorCode, detail: string]> = {
  400: ['The request is invalid. `errors` names the fields', 'invalid_request', 'name: Is required'],
  401: ['No valid access token', 'not_authenticated', 'Authentication credentials were not provided'],
  403: [
    'Your role, or the installation, does not allow it',
    'role_insufficient',
    'Your role does not allow this',
  ],
  404: ['It does not exist, or you may not see it', 'not_found', 'There is no such task'],
  405: [
    'The path does not support the method. `Allow` lists the supported methods',
    'method_not_allowed',
    'This path has no such method, only GET, HEAD',
  ],
  409: [
    'The current state does not allow it, or the first request with this Idempotency-Key has not ended',
    'idempotency_key_in_use',
    'The first request with this Idempotency-Key is still under way',
  ],
  413: ['The body is too large', 'body_too_large', 'The body must not exceed 1048576 bytes'],
  414: ['The URL is too long', 'uri_too_long', 'The URL must not exceed 8192 bytes'],
  415: [
    'The body is not JSON, or not a form where a form is expected',
    'json_expected',
    'Content-Type must be application/json, in UTF-8',
  ],
  422: [
    'The Idempotency-Key belongs to another request',
    'idempotency_key_reused',
    'Another request has been made with this Idempotency-Key',
  ],
  429: ['Too many requests', 'too_many_logins', 'Too many failed logins; try again later'],
  431: [
    'Request line and headers are too large',
    'headers_too_large',
    'The request line and the headers are too large',
  ],
  500: [
    'Internal error. It is safe to repeat the request with its Idempotency-Key',
    'internal',
    'Something went wrong on our side; nothing was lost that had been acknowledged',
  ],
  502: [
    'The API could not be reached, or its answer could not be read',
    'bad_gateway',
    'The API could not be reached; ask again in a moment',
  ],
  503: [
    'The API is busy or cannot reach the database. Repeat the request',
    'unavailable',
    'The database cannot be reached at the moment; ask again',
  ],
  504: [
    'The API did not answer in time. It may have carried out the request: repeat it with the same Idempotency-Key',
    'gateway_timeout',
    'The API did not answer in time; ask again, with the same Idempotency-Key',
  ],
};

/** Statuses that no route returns: a gateway answers before the request reaches the route, or instead of the route. */
const OF_GATEWAYS = [414, 431, 502, 503, 504];

const RETRY_AFTER: Header = {
  description: 'Seconds to wait before the next request, if known',
  schema: { type: 'integer', minimum: 0 },
};

const HEADERS: Partial<Record<number, Record<string, Header>>> = {
  401: {
    'WWW-Authenticate': {
      description: 'How to authenticate',
      required: true,
      schema: { type: 'string', const: 'Bearer' },
    },
  },
  405: {
    Allow: {
      description: 'The methods of this path, separated by commas',
      required: true,
      schema: { type: 'string', pattern: '^[A-Z]+(, [A-Z]+)*$' },
    },
  },
  429: { 'Retry-After': RETRY_AFTER },
  503: { 'Retry-After': RETRY_AFTER },
};

const REPLAYED: Record<string, Header> = {
  'Idempotent-Replayed': {
    description: 'Present when this is the stored answer to an earlier request with the same Idempotency-Key',
    schema: { type: 'string', const: 'true' },
  },
};

/** Returns the answers that several operations share, by their component names. */
export function sharedAnswers(): Record<string, Answer> {
  return Object.fromEntries(
    Object.entries(REFUSALS).map(([status, [description, code, detail]]) => [
      nameOf(status),
      {
        description,
        ...(HEADERS[Number(status)] && { headers: HEADERS[Number(status)] }),
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            example: problem(Number(status), code, detail),
          },
        },
      },
    ]),
  );
}

/**
 * Routes on which a key has no effect: answers with secrets are not stored, and a mail program that unsubscribes has no account to
 * store an answer for.
 */
const WITHOUT_KEY = /^\/api\/(?:auth|token|unsubscribe)(?:\/|$)/;

const KEY = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  description: KEY_DESCRIPTION,
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: KEY_PATTERN.source },
};

/** Adds the answers, parameters and headers of the middleware to every operation. No route describes them itself. */
export function withCommonAnswers(paths: Paths): Paths {
  return mapOperations(paths, (operation, path, method) => {
    const hasKey = method === 'post' && !WITHOUT_KEY.test(path);
    return completed(operation, { hasKey, mayHaveBody: method !== 'get' });
  });
}

function completed(operation: Operation, given: { hasKey: boolean; mayHaveBody: boolean }): Operation {
  const { parameters = [], responses = {} } = operation;
  const common = [
    // Refusals of parameters and bodies that a route does not declare.
    ...[400, 405, 429, 500],
    ...OF_GATEWAYS,
    ...(given.mayHaveBody ? [413, 415] : []),
    ...(given.hasKey ? [409, 422] : []),
  ];
  const statuses = new Set([...Object.keys(responses), ...common.map(String)]);
  const answers = [...statuses].sort().map((status) => {
    const own = responses[status];
    if (Number(status) >= 400) return [status, { $ref: `#/components/responses/${nameOf(status)}` }];
    return [status, given.hasKey ? { ...own, headers: { ...own?.headers, ...REPLAYED } } : own];
  });
  return {
    ...operation,
    ...(given.hasKey && { parameters: [...parameters, KEY] }),
    responses: Object.fromEntries(answers),
  };
}

export function mapOperations(
  paths: Paths,
  change: (operation: Operation, path: string, method: string) => Operation,
): Paths {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [method, change(operation, path, method)]),
      ),
    ]),
  );
}

/** Returns the component name of a status, for example `NotFound` for 404. */
function nameOf(status: string): string {
  return titleOf(Number(status)).replaceAll(' ', '');
}
