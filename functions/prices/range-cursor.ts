import { Refusal } from '../refusal.ts';
import { ASSET_PATTERN } from './price.ts';
import type { RangePlace } from './store.ts';

/** Seconds of the bucket, asset, currency. */
const PLACE = /^(\d{1,11})\/([^/]+)\/([a-z]{2,10})$/;

/** Opaque position in a range of prices: the last row seen. */
export function encodeRangeCursor({ bucket, asset, currency }: RangePlace): string {
  return Buffer.from(`${bucket.getTime() / 1000}/${asset}/${currency}`).toString('base64url');
}

/** @throws Refusal `invalid_request` when it is not a cursor of ours */
export function decodeRangeCursor(cursor: string): RangePlace {
  const [matched, seconds, asset = '', currency = ''] =
    PLACE.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const place = { bucket: new Date(Number(seconds) * 1000), asset, currency };
  if (matched === undefined || !ASSET_PATTERN.test(asset) || encodeRangeCursor(place) !== cursor) {
    throw new Refusal('invalid', 'invalid_request', 'cursor: not a cursor of this list', {}, [
      { in: 'query', pointer: '/cursor', detail: 'Not a cursor of this list' },
    ]);
  }
  return place;
}
