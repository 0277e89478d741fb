import type * as z from 'zod';
import { HEADER_NAME, HEADER_VALUE, headerFault } from '../../../fetch/header-rules.ts';

/** Own properties: name → value. A zod record would silently drop a header named `__proto__`. */
export type HeaderFields = Readonly<Record<string, string>>;

const MAX_HEADERS = 50;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * JSON Schema of the headers that `checkHeaders` allows. `checkHeaders` also refuses names that differ only in case, and more
 * than 16 KiB together.
 */
export const HEADERS = {
  type: 'object',
  maxProperties: MAX_HEADERS,
  propertyNames: HEADER_NAME,
  additionalProperties: { type: 'string', pattern: HEADER_VALUE },
} as const;

/** Adds an issue for everything that is not a header a task may send. */
export function checkHeaders(headers: unknown, issues: z.RefinementCtx): void {
  if (headers === undefined) return;
  const refuse = (path: PropertyKey[], message: string) => issues.addIssue({ code: 'custom', path, message });
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    refuse([], 'Must be an object of strings');
    return;
  }
  const fields = Object.entries(headers);
  if (fields.length > MAX_HEADERS) {
    refuse([], `At most ${MAX_HEADERS} headers`);
    return;
  }
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, value] of fields) {
    const fault = typeof value === 'string' ? headerFault(name, value) : 'Must be a string';
    if (fault !== undefined) refuse([name], fault);
    if (seen.has(name.toLowerCase())) refuse([name], 'Given twice, in different case');
    seen.add(name.toLowerCase());
    bytes += name.length + String(value).length;
  }
  if (bytes > MAX_HEADER_BYTES) refuse([], `At most ${MAX_HEADER_BYTES / 1024} KiB of headers`);
}
