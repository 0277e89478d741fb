import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runnersFor } from '../../worker/process-pool/memory.ts';

/** Megabytes that a process may have at most, however large the file is. */
const MEMORY_MEGABYTES = 200;

let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-data-process-'));
  program = join(folder, 'program.mjs');
  // As it is deployed: Node needs much memory to read TypeScript.
  await build({
    entryPoints: [fileURLToPath(new URL('./testing/measured-run.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: program,
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the kind on a file of so many bytes, in a process of its own with the heap of a runner. */
async function measured(bytes: number) {
  const heap = `--max-old-space-size=${runnersFor(1_769, 2).heapMiB}`;
  const { stdout } = await promisify(execFile)(process.execPath, [heap, program, String(bytes)]);
  return JSON.parse(stdout);
}

test('a file is processed in little memory, however large it is', async () => {
  const { records, peakMegabytes, estimated } = await measured(60_000_000);
  expect(records).toBeGreaterThan(1_200_000);
  expect(estimated[0]).toEqual(['id', ['distinct', 'lower_quartile', 'median', 'upper_quartile']]);
  expect(peakMegabytes).toBeLessThan(MEMORY_MEGABYTES);
}, 300_000);
