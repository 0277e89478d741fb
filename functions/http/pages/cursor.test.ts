import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { decodeRangeCursor, encodeRangeCursor, RANGE_CURSOR } from '../../prices/range-cursor.ts';
import { invalidRequest } from '../../refusal.ts';
import { cursor, cursorParameter, encodeCursor } from './cursor.ts';
import { pageLimit } from './page-limit.ts';

/** Some of these texts have the right length and alphabet, and differ from a cursor in one place. */
const nearMisses = fc
  .tuple(fc.uuid(), fc.integer({ min: 0, max: 22 }), fc.string({ unit: 'binary', maxLength: 2 }))
  .map(([id, at, wrong]) => encodeCursor(id).slice(0, at) + wrong + encodeCursor(id).slice(at + 1));
const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.uuid(), nearMisses);

const prices = cursorParameter(RANGE_CURSOR, decodeRangeCursor);

describe('a cursor', () => {
  test('returns its id as the database spells it', () => {
    expect(cursor.parse(encodeCursor('0190A5B0-1111-7000-8000-0123456789AB'))).toBe(
      '0190a5b0-1111-7000-8000-0123456789ab',
    );
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(cursor.parse(encodeCursor(id))).toBe(id);
      }),
    );
  });

  test('is short, and needs no encoding in a URL', () => {
    expect(encodeCursor(uuidv7())).toMatch(/^[\w-]{22}$/);
  });

  test('is refused unless it is the exact encoding of an id', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { data: id } = cursor.safeParse(text);
        if (id !== undefined) expect(encodeCursor(id)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('is refused with every other bad parameter', () => {
    const Query = z.strictObject({ cursor, limit: pageLimit({ default: 50, max: 100 }) });
    for (const text of [
      '',
      'x',
      '!'.repeat(22),
      `${encodeCursor(uuidv7())}=`,
      `${encodeCursor(uuidv7())}\n`,
    ]) {
      const { error } = Query.safeParse({ cursor: text, limit: '0' });
      expect(error && invalidRequest('query', error)).toMatchObject({
        code: 'invalid_request',
        fields: [
          { in: 'query', pointer: '/cursor', detail: 'Is not a cursor of this list' },
          { in: 'query', pointer: '/limit' },
        ],
      });
    }
  });
});

describe('a cursor of prices', () => {
  const places = fc.record({
    bucket: fc.integer({ min: 0, max: 33_333_333 }).map((ticks) => new Date(ticks * 300_000)),
    asset: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,99}$/),
    currency: fc.stringMatching(/^[a-z]{2,10}$/),
  });

  test('returns its place', () => {
    fc.assert(
      fc.property(places, (place) => {
        expect(prices.parse(encodeRangeCursor(place))).toEqual(place);
      }),
    );
  });

  test('is refused by another list, and so is the cursor of another list', () => {
    fc.assert(
      fc.property(fc.uuid(), places, (id, place) => {
        expect(prices.safeParse(encodeCursor(id)).success).toBe(false);
        expect(cursor.safeParse(encodeRangeCursor(place)).success).toBe(false);
      }),
    );
  });
});
