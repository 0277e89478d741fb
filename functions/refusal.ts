/** What a refusal is about; `http/` alone knows which status number each becomes. */
export type RefusalKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media_type'
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
