import type * as z from 'zod';
// How broken rules are said; a setting of zod's.
import './wording.ts';

/** What a refusal is about; `http/` alone knows which status number each becomes. */
export type RefusalKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media_type'
  | 'unprocessable'
  | 'too_many_requests';

/** One bad field: where it is (the part of the request, and a JSON pointer into it, RFC 6901) and which rule it broke. */
export type FieldError = { in: 'body' | 'query' | 'path' | 'header'; pointer: string; detail: string };

/**
 * Bad input or a request that cannot be granted: something the caller can act on.
 * Everything else that is thrown is a bug or an outage.
 *
 * @property code stable, snake_case, documented; clients may branch on it
 * @property data facts that belong to the answer, e.g. the task's present status; they are shown to the caller
 */
export class Refusal extends Error {
  readonly kind: RefusalKind;
  readonly code: string;
  readonly data: Record<string, unknown>;
  readonly fields: readonly FieldError[];

  constructor(
    kind: RefusalKind,
    code: string,
    message: string,
    data: Record<string, unknown> = {},
    fields: readonly FieldError[] = [],
  ) {
    super(message);
    this.name = 'Refusal';
    this.kind = kind;
    this.code = code;
    this.data = data;
    this.fields = fields;
  }
}

/** The refusal of a request that does not match its schema: one entry per broken rule. */
export function invalidRequest(where: FieldError['in'], error: z.core.$ZodError): Refusal {
  const fields = error.issues.flatMap((issue) => fieldErrors(where, issue));
  const first = fields[0];
  const detail = first
    ? `${first.pointer.slice(1).replaceAll('/', '.') || where}: ${first.detail}`
    : 'Invalid request';
  return new Refusal('invalid', 'invalid_request', detail, {}, fields);
}

function fieldErrors(where: FieldError['in'], issue: z.core.$ZodIssue): FieldError[] {
  // An unknown field is reported at the object by zod; the caller wants to know which field.
  const paths =
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  return paths.map((path) => ({
    in: where,
    pointer: pointerTo(path),
    detail: issue.code === 'unrecognized_keys' ? 'Unknown field' : issue.message,
  }));
}

/** The JSON pointer (RFC 6901) that names the steps of a path. */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
