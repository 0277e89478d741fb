import type * as z from 'zod';
import { Problem, TITLE } from './problem.ts';
import type { Tag } from './tags.ts';

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

/** Refusals of a route. What each status means, and how its answer looks, `document/common-answers.ts` says once for all. */
export function problems<Status extends keyof typeof TITLE>(...statuses: Status[]) {
  const described = statuses.map((status) => [
    status,
    { description: TITLE[status], content: { 'application/problem+json': { schema: Problem } } },
  ]);
  return Object.fromEntries(described) as Record<Status, Described>;
}

type Described = { description: string; content: { 'application/problem+json': { schema: typeof Problem } } };

/** A route under its heading, for those who log in. */
export function secured(tag: Tag) {
  return { tags: [tag], security: [{ bearer: [] }] };
}

/** A route under its heading, for everybody. */
export function open(tag: Tag) {
  return { tags: [tag], security: [] };
}

/** Describes the order of lists. */
export const NEWEST_FIRST =
  'Newest first means by `id`, which begins with the time of the function that created the row. `created_at` is the time of the database. The two may disagree by the difference of the clocks.';
