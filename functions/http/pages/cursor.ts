import * as z from 'zod';
import { Refusal } from '../../refusal.ts';

/**
 * Returns an opaque position in a list ordered by UUIDv7, newest first: the id of the last row seen. It is opaque so that
 * it can hold more later; clients must not parse it.
 */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

/** Sixteen bytes in Base64url: 22 digits, the last of which carries two bits. */
const CURSOR = { minLength: 22, maxLength: 22, pattern: '^[A-Za-z0-9_-]{21}[AQgw]$' };

/** A position in a list, as a query parameter. It is read as the id of the last row seen. */
export const cursor = z
  .string()
  .max(100)
  .meta(CURSOR)
  .transform(decodeCursor)
  .optional()
  .describe('`next_cursor` of the previous page');

/** Returns the id in a cursor. @throws Refusal `invalid_request` for a malformed cursor */
export function decodeCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  if (hex.length !== 32 || encodeCursor(hex) !== cursor) {
    throw new Refusal('invalid', 'invalid_request', 'cursor: not a cursor of this list', {}, [
      { in: 'query', pointer: '/cursor', detail: 'Not a cursor of this list' },
    ]);
  }
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
