import fc from 'fast-check';
import { v7 as uuidv7, validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { idsFrom } from './ids-from.ts';

test('ids from a seed are the same each time, ascending, and UUIDv7 of its millisecond', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 47 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 1, max: 50 }),
      (msecs, random, count) => {
        const seed = uuidv7({ msecs, random });
        const ids = idsFrom(seed, count);
        expect(idsFrom(seed, count)).toEqual(ids);
        expect(ids.toSorted()).toEqual(ids);
        expect(new Set(ids).size).toBe(count);
        for (const id of ids) {
          expect([validate(id), version(id), id.slice(0, 13)]).toEqual([true, 7, seed.slice(0, 13)]);
        }
      },
    ),
  );
});

test('ids follow the seed one by one, and do not include it', () => {
  const seed = '01a1fd0a-bd09-7000-8000-000000000000';
  expect(idsFrom(seed, 2)).toEqual([seed.replace(/0$/, '1'), seed.replace(/0$/, '2')]);
});

test('a seed at the very end of a millisecond’s ids has ids, too', () => {
  const ids = idsFrom('01a1fd0a-bd09-7fff-bfff-ffffffffffff', 3);
  expect(ids.every((id) => id.startsWith('01a1fd0a-bd09-7fff-b'))).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
});
