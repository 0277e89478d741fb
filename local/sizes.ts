/**
 * `npm run sizes`: measures the size of each function's bundle and the time to import it, the two parts of a cold
 * start.
 *
 * Imports run in a separate process with the template's environment, like Lambda's cold start. `--json` prints JSON.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { bundlesIn, filesOf } from '../lib/bundle-sizes.ts';
import { sandboxEnvironment } from './emulators/lambda/sandbox-environment.ts';
import { functionEnvironment } from './function-environment.ts';
import { directoryOfProcess } from './process/directory-of-process.ts';
import { type FunctionSpec, readDeployment } from './template/deployment.ts';
import { synthesizedAssembly } from './template/synthesize.ts';

/** Number of imports of each function; the median counts. */
const RUNS = 7;

/** Budgets (docs/benchmarks.md): bytes of minified code, and milliseconds to import it. */
const BUDGET = { bytes: 1_000_000, milliseconds: 150 };

// Without real addresses, because the import of a function makes no calls.
const deployment = readDeployment(await synthesizedAssembly(console.error));
const functions = deployment.functions.filter(({ name }) => name.startsWith('celeriac-'));
const cache = await directoryOfProcess(tmpdir(), 'sizes');
try {
  const rows = functions.flatMap((fn) =>
    bundlesIn(fn.codeDir).map((file): [string, object] => [
      nameOf(fn, file),
      { ...sizesOf(join(fn.codeDir, file)), 'import, ms': importTime(fn, file) },
    ]),
  );
  const table = Object.fromEntries(rows);
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(table));
  } else {
    console.table(table);
    console.log(
      `Budgets: ${BUDGET.bytes / 1000} kB, ${BUDGET.milliseconds} ms. Node ${process.version}, median of ${RUNS}.`,
    );
  }
} finally {
  rmSync(cache, { recursive: true });
}

function nameOf({ name }: FunctionSpec, file: string): string {
  const short = name.replace(/^celeriac-\w+-/, '');
  return file === 'index.mjs' ? short : `${short}: ${file.replace(/\.mjs$/, '')}`;
}

/** Returns the bytes that are loaded with a bundle. */
function sizesOf(file: string) {
  const code = Buffer.concat(filesOf(file).map((each) => readFileSync(each)));
  return { 'bundle, kB': kilobytes(code.length), 'zipped, kB': kilobytes(gzipSync(code).length) };
}

/**
 * Returns the median import time over several processes, in milliseconds. The first one fills the disk cache and does
 * not count.
 */
function importTime(fn: FunctionSpec, file: string): number {
  const login = { host: '127.0.0.1', port: 5432, rolePassword: 'none' };
  const env = sandboxEnvironment({ ...fn, environment: functionEnvironment(fn, {}, login) }, {});
  const module = JSON.stringify(pathToFileURL(join(fn.codeDir, file)).href);
  const script = `const start = performance.now(); await import(${module}); console.log(performance.now() - start); process.exit()`;
  const times = Array.from({ length: RUNS + 1 }, () =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
        encoding: 'utf8',
        env,
        cwd: cache,
      }),
    ),
  );
  const sorted = times.slice(1).sort((a, b) => a - b);
  return Math.round(sorted[Math.floor(RUNS / 2)] ?? 0);
}

function kilobytes(bytes: number): number {
  return Math.round(bytes / 1000);
}
