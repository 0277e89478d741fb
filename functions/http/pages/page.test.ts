import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesInAnswer, LAMBDA_ANSWER_BYTES, PAGE_BYTES, page } from './page.ts';

type Row = { id: number; text: string };

/** Texts of up to a megabyte in the answer, of characters that grow when they are escaped and of characters that do not. */
const rows = fc
  .array(
    fc.record({
      unit: fc.constantFrom('x', '"', '\\', '\u0001', 'é', '🥬', '\u2028'),
      length: fc.nat(150_000),
    }),
    { maxLength: 40 },
  )
  .map((texts) => texts.map(({ unit, length }, id): Row => ({ id, text: unit.repeat(length) })));

test('whatever the rows, a page fits, and paging visits every row exactly once', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 40 }), (all, limit) => {
      const visited: number[] = [];
      let cursor: string | null = '-1';
      while (cursor !== null) {
        const behind = all.filter(({ id }) => id > Number(cursor));
        const answer: { results: Row[]; next_cursor: string | null } = page(behind.slice(0, limit), {
          more: behind.length > limit,
          view: (row) => row,
          cursorOf: ({ id }) => String(id),
        });
        expect(bytesInAnswer(answer)).toBeLessThanOrEqual(Math.max(PAGE_BYTES, 1_100_000) + 1_000);
        if (behind.length > 0) expect(answer.results.length).toBeGreaterThan(0);
        visited.push(...answer.results.map(({ id }) => id));
        cursor = answer.next_cursor;
      }
      expect(visited).toEqual(all.map(({ id }) => id));
    }),
    { numRuns: 60 },
  );
});

test('bytes are counted as in Lambda’s answer', () => {
  const body = { text: 'a"b\\c\n🥬' };
  const answer = JSON.stringify({ body: JSON.stringify(body) });
  expect(bytesInAnswer(body)).toBe(Buffer.byteLength(answer) - '{"body":}'.length);
  expect(PAGE_BYTES).toBeLessThan(LAMBDA_ANSWER_BYTES);
});
