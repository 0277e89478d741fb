import { expect, test } from 'vitest';
import { fill } from './generated-parts.ts';

const page = 'Words.\n<!-- cost:one -->\nold\n<!-- /cost -->\nMore.\n<!-- bench:two -->\n<!-- /bench -->\n';

test('text between the markers is replaced, and text around them stays', () => {
  const parts = { one: 'new $1 $& table', two: '2' };
  const filled = fill(page, parts);
  expect(filled).toBe(
    'Words.\n<!-- cost:one -->\nnew $1 $& table\n<!-- /cost -->\nMore.\n<!-- bench:two -->\n2\n<!-- /bench -->\n',
  );
  expect(fill(filled, parts)).toBe(filled);
});

test('a part without a place, and a place without a part, are errors that name it', () => {
  expect(() => fill(page, { one: '', two: '', three: '' })).toThrow(': three');
  expect(() => fill(page, { one: '' })).toThrow(': two');
  expect(() => fill(page + page, { one: '', two: '' })).toThrow(': one, two');
});
