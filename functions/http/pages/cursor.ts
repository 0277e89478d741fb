import * as z from 'zod';
import { Refusal } from '../../refusal.ts';

/**
 * Opaque position in a list ordered by UUIDv7, newest first: the id of the last row seen.
 * Opaque so that it may come to hold more; clients must not take it apart.
 */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

/** Sixteen bytes in Base64 for URLs: 22 digits, of which the last has two bits. */
const CURSOR = { minLength: 22, maxLength: 22, pattern: '^[A-Za-z0-9_-]{21}[AQgw]$' };

/** A position in a list, as a query parameter. */
export const cursor = z
  .string()
  .max(100)
  .meta(CURSOR)
  .optional()
  .describe('`next_cursor` of the page before');

/** @throws Refusal `invalid_request` when it is not a cursor of ours */
export function decodeCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  if (hex.length !== 32 || encodeCursor(hex) !== cursor) {
    throw new Refusal('invalid', 'invalid_request', 'cursor: not a cursor of this list', {}, [
      { in: 'query', pointer: '/cursor', detail: 'Not a cursor of this list' },
    ]);
  }
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
