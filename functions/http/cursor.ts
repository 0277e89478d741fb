import { Refusal } from '../refusal.ts';

/**
 * Opaque position in a list ordered by UUIDv7, newest first: the id of the last row seen.
 * Opaque so that it may come to hold more; clients must not take it apart.
 */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

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
