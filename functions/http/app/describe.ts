import type * as z from 'zod';
import { Problem, TITLE } from './problem.ts';
import type { Tag } from './tags.ts';

/* The recurring parts of a route's OpenAPI description. */

/** Describes a required JSON body. */
export function json<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } };
}

export function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

/** Describes the refusals of a route. The meaning and the form of each status stand once, in `document/common-answers.ts`. */
export function problems<Status extends keyof typeof TITLE>(...statuses: Status[]) {
  const described = statuses.map((status) => [
    status,
    { description: TITLE[status], content: { 'application/problem+json': { schema: Problem } } },
  ]);
  return Object.fromEntries(described) as Record<Status, Described>;
}

type Described = { description: string; content: { 'application/problem+json': { schema: typeof Problem } } };

/** Describes a route under this tag that needs an access token. */
export function secured(tag: Tag) {
  return { tags: [tag], security: [{ bearer: [] }] };
}

/** Describes a route under this tag that needs no access token. */
export function open(tag: Tag) {
  return { tags: [tag], security: [] };
}

/** Describes the order of lists. */
export const NEWEST_FIRST =
  'Newest first means the order of `id`, which begins with the clock of the function that created the row. `created_at` is from the clock of the database. The two clocks may differ slightly.';
