import { Refusal } from '../refusal.ts';
import type { RangePlace } from './store.ts';

/** Seconds of the bucket, asset, currency. Plain text, so that a pattern can describe it. */
const PLACE = /^([0-9]{1,11})~([a-z0-9][a-z0-9._-]{0,99})~([a-z]{2,10})$/;

/** The cursor in the API's description. */
export const RANGE_CURSOR = { maxLength: 123, pattern: PLACE.source };

/** Returns an opaque position in a range of prices: the last row seen. */
export function encodeRangeCursor({ bucket, asset, currency }: RangePlace): string {
  return `${bucket.getTime() / 1000}~${asset}~${currency}`;
}

/** Reads a position in a range of prices. @throws Refusal `invalid_request` for a malformed cursor */
export function decodeRangeCursor(cursor: string): RangePlace {
  const [matched, seconds, asset = '', currency = ''] = PLACE.exec(cursor) ?? [];
  const place = { bucket: new Date(Number(seconds) * 1000), asset, currency };
  if (matched === undefined) {
    throw new Refusal('invalid', 'invalid_request', 'cursor: not a cursor of this list', {}, [
      { in: 'query', pointer: '/cursor', detail: 'Not a cursor of this list' },
    ]);
  }
  return place;
}
