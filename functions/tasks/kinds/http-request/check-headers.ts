import type * as z from 'zod';
import { HEADER_NAME, HEADER_VALUE, headerFault } from '../../../fetch/header-rules.ts';

/** Own properties: name → value. Not a zod record, which would drop a header named `__proto__` unseen. */
export type HeaderFields = Readonly<Record<string, string>>;

const MAX_HEADERS = 50;
const MAX_HEADER_BYTES = 16 * 1024;

/** What `checkHeaders` allows. Names that differ in case alone, and more than 16 KiB together, are refused, too. */
export const HEADERS = {
  type: 'object',
  maxProperties: MAX_HEADERS,
  propertyNames: HEADER_NAME,
  additionalProperties: { type: 'string', pattern: HEADER_VALUE },
} as const;

/** Refuses what is not a set of headers that a task may send. */
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
