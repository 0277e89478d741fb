import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { RefusalCode, RefusalKind } from '../../refusal.ts';
import { REFUSAL_CODES } from '../../refusal-codes.ts';

/** The HTTP status of each kind of refusal. */
export const STATUS: Record<RefusalKind, ContentfulStatusCode> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  too_many_requests: 429,
};

/** Codes that do not belong to a refusal: those of gateways, of unknown paths and methods, and of faults. */
const OTHER_CODES = {
  bad_request: [400, 'The request cannot be understood'],
  malformed_request: [400, 'The request is not valid HTTP'],
  not_found: [404, 'There is nothing at this path'],
  method_not_allowed: [405, 'The path does not support the method; `Allow` lists the supported ones'],
  request_timeout: [408, 'The request did not arrive in time'],
  uri_too_long: [414, 'The URL is too long'],
  expectation_failed: [417, 'The server does not support this `Expect`'],
  misdirected_request: [421, 'The server does not serve this host'],
  upgrade_required: [426, 'The path is only for WebSockets'],
  headers_too_large: [431, 'The request line and the headers are too large'],
  internal: [500, 'Internal error; search the log for `request_id`'],
  answer_too_large: [500, 'Internal error: the answer exceeds the limit of Lambda'],
  bad_gateway: [502, 'The API could not be reached'],
  unavailable: [503, 'The API is busy, or the database cannot be reached. Repeat the request'],
  gateway_timeout: [
    504,
    'The API did not answer in time; repeat the request with the same `Idempotency-Key`',
  ],
} as const;

/** Every `code` of a problem document. */
export type ErrorCode = RefusalCode | keyof typeof OTHER_CODES;

type Described = { status: number; code: ErrorCode; meaning: string };

const REFUSALS: readonly Described[] = (Object.keys(REFUSAL_CODES) as RefusalKind[]).flatMap((kind) =>
  (Object.entries(REFUSAL_CODES[kind]) as [RefusalCode, string][]).map(([code, meaning]) => ({
    status: STATUS[kind],
    code,
    meaning,
  })),
);

const OTHERS = (Object.keys(OTHER_CODES) as (keyof typeof OTHER_CODES)[]).map((code): Described => {
  const [status, meaning] = OTHER_CODES[code];
  return { status, code, meaning };
});

/** Every code with its status and meaning, ordered by status. */
export const ERROR_CODES: readonly Described[] = [...REFUSALS, ...OTHERS].sort((a, b) => a.status - b.status);
