import type { FieldError } from './refusal.ts';

/**
 * Of what a refusal tells, which would otherwise grow with what was asked: beyond 6 MB Lambda answers 502, and API Gateway posts
 * no frame beyond 128 KB.
 */
export const PROBLEM_LIMITS = {
  /** Entries of `errors`. */
  errors: 20,
  /** Characters of a pointer, and of a text. */
  pointer: 200,
  text: 500,
} as const;

/** The first of the bad fields, and how many more there are; nothing of none. */
export function listed(fields: readonly FieldError[]): { errors?: FieldError[]; more_errors?: number } {
  if (fields.length === 0) return {};
  const errors = fields.slice(0, PROBLEM_LIMITS.errors).map(shortenedField);
  return fields.length > errors.length ? { errors, more_errors: fields.length - errors.length } : { errors };
}

/** A pointer that is cut off would point nowhere: a long one gives way to that of the nearest object around. */
export function shortenedField({ in: where, pointer, detail }: FieldError): FieldError {
  const short = pointer.length <= PROBLEM_LIMITS.pointer;
  const nearest = pointer.slice(0, pointer.lastIndexOf('/', PROBLEM_LIMITS.pointer));
  return short
    ? { in: where, pointer, detail: shortened(detail) }
    : { in: where, pointer: nearest, detail: shortened(`${detail} (under a long name in here)`) };
}

/** Begins with the field's name and ends with the rule, so the middle goes. Its own lone surrogates go, too. */
export function shortened(text: string): string {
  const half = PROBLEM_LIMITS.text / 2 - 1;
  const cut = text.length <= PROBLEM_LIMITS.text ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
  return cut.toWellFormed();
}
