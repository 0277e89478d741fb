import type * as z from 'zod';
import { Problem } from './problem.ts';

/*
 * The recurring parts of a route's OpenAPI description.
 */

/** A body that must be there. */
export function json<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } };
}

export function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

export const MEANING = {
  400: 'The request breaks a rule; `errors` names the fields',
  401: 'No valid access token',
  403: 'Your role does not allow it',
  404: 'There is no such thing, or it is not yours to see',
  409: 'Not in its present state, or while the first request with this Idempotency-Key is under way',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'The Idempotency-Key belongs to another request',
  429: 'Too many requests',
} as const;

type Described = { description: string; content: { 'application/problem+json': { schema: typeof Problem } } };

/** Refusals of a route, as problem documents. */
export function problems<Status extends keyof typeof MEANING>(
  ...statuses: Status[]
): Record<Status, Described> {
  const described = statuses.map((status) => [
    status,
    { description: MEANING[status], content: { 'application/problem+json': { schema: Problem } } },
  ]);
  return Object.fromEntries(described);
}

/** A route under its heading, for those who log in. */
export function secured(tag: string) {
  return { tags: [tag], security: [{ bearer: [] }] };
}
