import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./testing/long-text.ts', import.meta.url));

/** Processes a text of 24 MB, for which a handler that keeps it would need twice that, with a heap of 40 MB. */
async function processed(...operations: object[]) {
  const args = ['--max-old-space-size=40', PROGRAM, '24', JSON.stringify(operations)];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
}

test('a text that is larger than the memory is counted and changed', async () => {
  const { result, lines, bytes, written } = await processed(
    { op: 'count', of: ['bytes', 'lines'] },
    { op: 'replace', pattern: 'lazy (\\w+):', replacement: '$1;' },
    { op: 'count', of: ['bytes'] },
  );
  expect(result).toMatchObject({
    source: { bytes },
    results: [{ bytes, lines }, { replacements: lines }, { bytes: bytes - 5 * lines }],
    artifact: { bytes: bytes - 5 * lines },
  });
  expect(written).toBe(bytes - 5 * lines);
}, 120_000);

test('matches of a text that is larger than the memory are found', async () => {
  const { result, lines } = await processed({
    op: 'extract',
    pattern: '\\d{4}-\\d\\d-\\d\\d',
    limit: 1_000_000,
  });
  expect(result.results).toMatchObject([{ count: lines, artifact: { name: 'matches.ndjson' } }]);
}, 120_000);
