import type * as z from 'zod';
import type { REFUSAL_CODES } from './refusal-codes.ts';
// Sets zod's messages for broken rules.
import './wording.ts';

/** The kind of a refusal. Only `http/` knows the status number of each kind. */
export type RefusalKind = keyof typeof REFUSAL_CODES;

/** Codes of a kind of refusal. */
export type RefusalCode<Kind extends RefusalKind = RefusalKind> = Kind extends RefusalKind
  ? keyof (typeof REFUSAL_CODES)[Kind] & string
  : never;

/** A code can be used only with the kind under which it is listed. */
type RefusalArguments = {
  [Kind in RefusalKind]: [
    kind: Kind,
    code: RefusalCode<Kind>,
    message: string,
    data?: Record<string, unknown>,
    fields?: readonly FieldError[],
  ];
}[RefusalKind];

/** One bad field: its place (the part of the request, and a JSON pointer into it, RFC 6901), and the rule that it broke. */
export type FieldError = { in: 'body' | 'query' | 'path' | 'header'; pointer: string; detail: string };

/**
 * Bad input, or a request that cannot be granted: the caller can act on it. All other errors are bugs or outages.
 *
 * @property code stable; clients may branch on it
 * @property data facts for the caller, for example the task's current status; they are part of the answer
 */
export class Refusal extends Error {
  readonly kind: RefusalKind;
  readonly code: RefusalCode;
  readonly data: Record<string, unknown>;
  readonly fields: readonly FieldError[];

  constructor(...[kind, code, message, data = {}, fields = []]: RefusalArguments) {
    super(message);
    this.name = 'Refusal';
    this.kind = kind;
    this.code = code;
    this.data = data;
    this.fields = fields;
  }
}

/** Returns the refusal of a request that does not match its schema: one entry per broken rule. */
export function invalidRequest(where: FieldError['in'], error: z.core.$ZodError): Refusal {
  return invalidFields(
    error.issues.flatMap((issue) => fieldErrors(where, issue)),
    where,
  );
}

/** Returns the refusal of bad fields. Its message names the first field, or `whole` for a fault that has no field. */
export function invalidFields(fields: readonly FieldError[], whole = 'The body'): Refusal {
  const [first] = fields;
  const name = first?.pointer.slice(1).replaceAll('/', '.') || whole;
  return new Refusal('invalid', 'invalid_request', `${name}: ${first?.detail}`, {}, fields);
}

function fieldErrors(where: FieldError['in'], issue: z.core.$ZodIssue): FieldError[] {
  const { path } = issue;
  const at = (steps: readonly PropertyKey[], detail: string) => ({
    in: where,
    pointer: pointerTo(steps),
    detail,
  });
  // zod reports an unknown field at its object, but the caller needs the name of the field.
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => at([...path, key], 'Unknown field'));
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [at(path, issue.message)];
  // When a union has several shapes, only the errors of the intended shape are reported. When no shape is intended, each
  // shape is described.
  const meant = issue.errors.find((branch) => !branch.some(isOfAnotherShape));
  if (meant)
    return meant.flatMap((inner) => fieldErrors(where, { ...inner, path: [...path, ...inner.path] }));
  const [first = issue.message, ...others] = new Set(issue.errors.flatMap(([inner]) => inner?.message ?? []));
  return [at(path, [first, ...others.map((other) => other.replace(/^M/, 'm'))].join(', or '))];
}

const isOfAnotherShape = ({ code, path }: z.core.$ZodIssue) =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');

/** Returns the JSON pointer (RFC 6901) of a path. */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
