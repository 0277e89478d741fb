import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { decodeRangeCursor, encodeRangeCursor } from '../../prices/range-cursor.ts';
import { Refusal } from '../../refusal.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

/** Some of these texts have the right length and alphabet, and differ from a cursor in one place. */
const nearMisses = fc
  .tuple(fc.uuid(), fc.integer({ min: 0, max: 22 }), fc.string({ unit: 'binary', maxLength: 2 }))
  .map(([id, at, wrong]) => encodeCursor(id).slice(0, at) + wrong + encodeCursor(id).slice(at + 1));
const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.uuid(), nearMisses);

function refusalOf(decode: () => unknown): Refusal {
  try {
    decode();
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown;
    throw thrown;
  }
  throw new Error('was accepted');
}

describe('a cursor', () => {
  test('returns its id as the database spells it', () => {
    expect(decodeCursor(encodeCursor('0190A5B0-1111-7000-8000-0123456789AB'))).toBe(
      '0190a5b0-1111-7000-8000-0123456789ab',
    );
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(decodeCursor(encodeCursor(id))).toBe(id);
      }),
    );
  });

  test('is short, and needs no encoding in a URL', () => {
    expect(encodeCursor(uuidv7())).toMatch(/^[\w-]{22}$/);
  });

  test('is refused unless it is the exact encoding of an id', () => {
    fc.assert(
      fc.property(texts, (text) => {
        let id: string;
        try {
          id = decodeCursor(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Refusal);
          return;
        }
        expect(encodeCursor(id)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('is named when it is refused', () => {
    for (const text of [
      '',
      'x',
      '!'.repeat(22),
      `${encodeCursor(uuidv7())}=`,
      `${encodeCursor(uuidv7())}\n`,
    ]) {
      expect(refusalOf(() => decodeCursor(text))).toMatchObject({
        code: 'invalid_request',
        fields: [{ in: 'query', pointer: '/cursor' }],
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
        expect(decodeRangeCursor(encodeRangeCursor(place))).toEqual(place);
      }),
    );
  });

  test('is refused by another list, and so is the cursor of another list', () => {
    fc.assert(
      fc.property(fc.uuid(), places, (id, place) => {
        refusalOf(() => decodeRangeCursor(encodeCursor(id)));
        const cursor = encodeRangeCursor(place);
        if (cursor.length !== 22) refusalOf(() => decodeCursor(cursor));
      }),
    );
  });
});
