import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { bundleFunctions, bundleSizes } from '../../lib/bundle.ts';
import { FUNCTION_NAMES } from '../../lib/functions.ts';
import { temporary } from '../testing/synthesized.ts';

const places = {
  sourceRoot: temporary('functions'),
  consoleRoot: temporary('console'),
  outputRoot: temporary('dist'),
};

describe('bundling the functions', () => {
  beforeEach(() => {
    rmSync(places.sourceRoot, { recursive: true, force: true });
    rmSync(places.consoleRoot, { recursive: true, force: true });
    for (const name of FUNCTION_NAMES) {
      write(
        `handlers/${name}.ts`,
        `import { word } from '../word.ts';\nexport const handler = async () => word('${name}');\n`,
      );
    }
    write('handlers/task-runner.ts', `console.log('I run tasks');\n`);
    write('handlers/event-bus.ts', `export const handler = async () => 'I publish';\n`);
    write('word.ts', `export const word = (name: string): string => 'I am ' + name;\n`);
    write('database/migrations/0000_first.sql', 'select 1;');
    write('../console/views/task.js', '//');
    write('../console/console.browser.test.ts', '//');
    write('../console/tsconfig.json', '{}');
  });

  test('each function becomes one module that runs alone, with a source map', async () => {
    const bundles = await bundleFunctions(places);
    for (const name of FUNCTION_NAMES) {
      expect(readdirSync(bundles[name])).toEqual(expect.arrayContaining(['index.mjs', 'index.mjs.map']));
      expect(answerOf(bundles[name])).toBe(`I am ${name}`);
    }
  });

  test('a CommonJS dependency that requires a built-in module works inside', async () => {
    write('word.cjs', `module.exports.word = (name) => require('node:path').posix.join('/', name);`);
    write('word.ts', `export { word } from './word.cjs';`);
    expect(answerOf((await bundleFunctions(places)).api)).toBe('/api');
  });

  test('the program of the worker’s processes lies beside it', async () => {
    const { worker } = await bundleFunctions(places);
    const said = execFileSync(process.execPath, [join(worker, 'task-runner.mjs')], { encoding: 'utf8' });
    expect(said.trim()).toBe('I run tasks');
  });

  test('the client for events lies beside each function that moves tasks', async () => {
    const bundles = await bundleFunctions(places);
    for (const name of ['api', 'worker', 'dead-letters', 'dispatcher'] as const) {
      expect(answerOf(bundles[name], 'event-bus')).toBe('I publish');
    }
  });

  test('the migrations lie beside migrate', async () => {
    const { migrate } = await bundleFunctions(places);
    expect(readFileSync(join(migrate, 'migrations', '0000_first.sql'), 'utf8')).toBe('select 1;');
  });

  test('the console lies beside its publisher, without files for developers', async () => {
    const bundles = await bundleFunctions(places);
    const files = readdirSync(join(bundles['publish-console'], 'console'), { recursive: true });
    expect(files.toSorted()).toEqual(['views', join('views', 'task.js')]);
  });

  test('the same sources give the same bytes', async () => {
    const bytes = async () => {
      const bundles = await bundleFunctions(places);
      return FUNCTION_NAMES.map((name) =>
        ['index.mjs', 'index.mjs.map'].map((file) => readFileSync(join(bundles[name], file), 'utf8')),
      );
    };
    expect(await bytes()).toEqual(await bytes());
  });

  test('files of earlier builds are deleted', async () => {
    const { api } = await bundleFunctions(places);
    writeFileSync(join(api, 'stale.mjs'), '');
    await bundleFunctions(places);
    expect(readdirSync(api)).not.toContain('stale.mjs');
  });

  test('sizes are those of the code, without its source map', async () => {
    const { worker } = await bundleFunctions(places);
    expect(bundleSizes(places.outputRoot)).toMatchObject({
      'worker/index.mjs': readFileSync(join(worker, 'index.mjs')).length,
      'worker/task-runner.mjs': readFileSync(join(worker, 'task-runner.mjs')).length,
    });
  });

  test('missing files are an error that names all of them, and keeps the earlier build', async () => {
    const { api } = await bundleFunctions(places);
    const missing = [
      'handlers/worker.ts',
      'handlers/prices.ts',
      'handlers/task-runner.ts',
      'handlers/event-bus.ts',
      'database/migrations',
    ];
    for (const path of missing) rmSync(join(places.sourceRoot, path), { recursive: true });
    const bundling = bundleFunctions(places);
    for (const path of missing) await expect(bundling).rejects.toThrow(path);
    expect(answerOf(api)).toBe('I am api');
  });
});

function write(path: string, text: string): void {
  const file = join(places.sourceRoot, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Returns the answer of a bundle's handler in a process of its own: modules in the test runner always have a `require`. */
function answerOf(bundle: string, program = 'index'): string {
  const script = `import { handler } from '${join(bundle, `${program}.mjs`)}'; console.log(await handler());`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  }).trim();
}
