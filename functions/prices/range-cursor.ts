import type { RangePlace } from './store.ts';

/** A cursor of prices: seconds of the bucket, asset, currency. Plain text, so that a pattern can describe it. */
export const RANGE_CURSOR = /^[0-9]{1,11}~[a-z0-9][a-z0-9._-]{0,99}~[a-z]{2,10}$/;

/** Returns an opaque position in a range of prices: the last row seen. */
export function encodeRangeCursor({ bucket, asset, currency }: RangePlace): string {
  return `${bucket.getTime() / 1000}~${asset}~${currency}`;
}

/** Returns the position of a cursor. @param cursor matches `RANGE_CURSOR` */
export function decodeRangeCursor(cursor: string): RangePlace {
  const [seconds, asset = '', currency = ''] = cursor.split('~');
  return { bucket: new Date(Number(seconds) * 1000), asset, currency };
}
