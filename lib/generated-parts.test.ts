import { expect, test } from 'vitest';
import { fill } from './generated-parts.ts';

const page = 'Words.\n<!-- cost:one -->\nold\n<!-- /cost -->\nMore words.\n';

test('text between the markers is replaced, and text around them stays', () => {
  const filled = fill(page, { one: 'new $1 $& table' });
  expect(filled).toBe('Words.\n<!-- cost:one -->\nnew $1 $& table\n<!-- /cost -->\nMore words.\n');
  expect(fill(filled, { one: 'new $1 $& table' })).toBe(filled);
});

test('a part without a place, and a place without a part, are errors that name it', () => {
  expect(() => fill(page, { one: '', two: '' })).toThrow('two');
  expect(() => fill(page, {})).toThrow('one');
  expect(() => fill(page + page, { one: '' })).toThrow('one');
});

const PAGE = 'Words.\n<!-- bench:one -->\nold\n<!-- /bench -->\nMore.\n<!-- bench:two -->\n<!-- /bench -->\n';

test('only what stands in its places changes, whatever the text has in it', () => {
  expect(fill(PAGE, { one: 'new $1 $&', two: '2' })).toBe(
    'Words.\n<!-- bench:one -->\nnew $1 $&\n<!-- /bench -->\nMore.\n<!-- bench:two -->\n2\n<!-- /bench -->\n',
  );
});

test('a part without a place is an error', () => {
  expect(() => fill(PAGE, { three: '' })).toThrow('three');
});
