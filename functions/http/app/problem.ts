import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';
import { isUnavailable } from '../../database/error-code.ts';
import { Refusal } from '../../refusal.ts';
import { listed, shortened } from '../../shortened.ts';
import { ERROR_CODES, type ErrorCode, STATUS } from './error-codes.ts';

export const TITLE = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
} as const;

/** The body of every answer that is not a success (RFC 9457). `error` repeats `detail` for older clients. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(ERROR_CODES.map(({ code }) => code)),
    detail: z.string(),
    error: z.string(),
    errors: z
      .array(
        z.object({
          in: z.enum(['body', 'query', 'path', 'header']),
          pointer: z.string(),
          detail: z.string(),
        }),
      )
      .optional(),
    more_errors: z.int().optional().describe('Number of further errors that are not listed'),
    request_id: z.string().optional(),
  })
  .loose()
  .meta({ id: 'Problem' });

export type ProblemBody = z.infer<typeof Problem>;

/**
 * Returns the problem document for a thrown error. A refusal keeps its own message; all other errors hide their
 * internals.
 *
 * @param requestId shown to the caller of a fault, so that the fault can be found in the log
 */
export function problemOf(thrown: unknown, requestId?: string): ProblemBody {
  if (thrown instanceof Refusal) {
    return {
      ...problem(STATUS[thrown.kind], thrown.code, thrown.message),
      ...listed(thrown.fields),
      ...thrown.data,
    };
  }
  if (thrown instanceof HTTPException && thrown.status < 500) {
    return problem(thrown.status, 'bad_request', thrown.message || 'The request cannot be understood');
  }
  if (isUnavailable(thrown)) {
    return problem(503, 'unavailable', 'The database cannot be reached at the moment; ask again');
  }
  return {
    ...problem(
      500,
      'internal',
      'Something went wrong on our side; nothing was lost that had been acknowledged',
    ),
    ...(requestId && { request_id: requestId }),
  };
}

export function problem(status: number, code: ErrorCode, message: string): ProblemBody {
  const detail = shortened(message);
  return { type: 'about:blank', title: titleOf(status), status, code, detail, error: detail };
}

/** Returns HTTP's name of a status. */
export function titleOf(status: number): string {
  return (TITLE as Partial<Record<number, string>>)[status] ?? 'Error';
}
