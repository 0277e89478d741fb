import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../functions/http/app/error-codes.ts';

const table = [
  '| status | code | meaning |',
  '|---|---|---|',
  ...ERROR_CODES.map(({ status, code, meaning }) => `| ${status} | \`${code}\` | ${meaning} |`),
].join('\n');

test('docs/api.md lists every code of an error; else put this table between its markers', () => {
  const page = readFileSync(join(import.meta.dirname, 'api.md'), 'utf8');
  const [, shown] = /<!-- error-codes -->\n([\s\S]*?)\n<!-- \/error-codes -->/.exec(page) ?? [];
  expect(shown).toBe(table);
});
