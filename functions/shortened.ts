import type { FieldError } from './refusal.ts';

/**
 * Limits of a refusal. Without limits, a refusal would grow with the request: Lambda answers 502 beyond 6 MB, and API
 * Gateway posts no frame beyond 128 KB.
 */
export const PROBLEM_LIMITS = {
  /** Maximum entries of `errors`. */
  errors: 20,
  /** Maximum characters of a pointer, and of a text. */
  pointer: 200,
  text: 500,
} as const;

/** Returns the first bad fields, and the number of further ones. Returns no members when there are no bad fields. */
export function listed(fields: readonly FieldError[]): { errors?: FieldError[]; more_errors?: number } {
  if (fields.length === 0) return {};
  const errors = fields.slice(0, PROBLEM_LIMITS.errors).map(shortenedField);
  return fields.length > errors.length ? { errors, more_errors: fields.length - errors.length } : { errors };
}

/**
 * Shortens a field error. A pointer that is cut off would be wrong, so a long pointer is replaced by the pointer of an
 * object around it.
 */
export function shortenedField({ in: where, pointer, detail }: FieldError): FieldError {
  const short = pointer.length <= PROBLEM_LIMITS.pointer;
  const nearest = pointer.slice(0, pointer.lastIndexOf('/', PROBLEM_LIMITS.pointer));
  return short
    ? { in: where, pointer, detail: shortened(detail) }
    : { in: where, pointer: nearest, detail: shortened(`${detail} (under a long name in here)`) };
}

/**
 * Shortens a text in its middle, because it begins with the field's name and ends with the rule. Also replaces lone
 * surrogates.
 */
export function shortened(text: string): string {
  const half = PROBLEM_LIMITS.text / 2 - 1;
  const cut = text.length <= PROBLEM_LIMITS.text ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
  return cut.toWellFormed();
}
