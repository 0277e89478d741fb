import { expect, test } from 'vitest';
import { table } from './markdown.ts';

test('a table lines up, fills what is missing, and lets no cell break out of its column', () => {
  expect(table(['what', 'n'], [['a|b', '1,000'], ['long one\nin two lines'], ['x', '']])).toBe(
    [
      '| what                  | n     |',
      '| --------------------- | ----- |',
      '| a\\|b                  | 1,000 |',
      '| long one in two lines |       |',
      '| x                     |       |',
    ].join('\n'),
  );
});
