import { expect, test } from 'vitest';
import { filled, table } from './markdown.ts';

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

const PAGE = 'Words.\n<!-- bench:one -->\nold\n<!-- /bench -->\nMore.\n<!-- bench:two -->\n<!-- /bench -->\n';

test('only what stands in its places changes, whatever the text has in it', () => {
  expect(filled(PAGE, { one: 'new $1 $&', two: '2' })).toBe(
    'Words.\n<!-- bench:one -->\nnew $1 $&\n<!-- /bench -->\nMore.\n<!-- bench:two -->\n2\n<!-- /bench -->\n',
  );
});

test('a part without a place is an error', () => {
  expect(() => filled(PAGE, { three: '' })).toThrow('three');
});
