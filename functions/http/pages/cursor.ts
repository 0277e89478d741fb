import * as z from 'zod';

/**
 * Returns the schema of a cursor, as a query parameter. Cursors are opaque so that they can hold more later; clients must
 * not parse them.
 *
 * @param read returns the position in a text that matches `pattern`
 */
export function cursorParameter<Position>(pattern: RegExp, read: (cursor: string) => Position) {
  return z
    .string()
    .regex(pattern, 'Is not a cursor of this list')
    .transform(read)
    .optional()
    .describe('`next_cursor` of the previous page');
}

/**
 * A position in a list ordered by UUIDv7, newest first: the id of the last row seen. Sixteen bytes in Base64url are 22
 * digits, the last of which carries two bits.
 */
export const cursor = cursorParameter(/^[A-Za-z0-9_-]{21}[AQgw]$/, (encoded) =>
  Buffer.from(encoded, 'base64url')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
);

/** Returns the cursor behind the row with this id. */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}
