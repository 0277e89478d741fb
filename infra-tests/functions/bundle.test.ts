import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { bundleFunctions } from '../../lib/bundle.ts';
import { bundleSizes } from '../../lib/bundle-sizes.ts';
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
    write('handlers/companions/mail.ts', `export const handler = async () => 'I mail';\n`);
    write('handlers/companions/event-bus.ts', `export const handler = async () => 'I publish';\n`);
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

  test('a kind is loaded only by the runner that runs it, and its runner shares code with it', async () => {
    saveKinds();
    const { worker } = await bundleFunctions(places);
    const said = (kind: string) =>
      execFileSync(process.execPath, [join(worker, 'task-runner.mjs'), kind], { encoding: 'utf8' }).split(
        '\n',
      );
    expect(said('light')).toEqual(['runner', 'light', 'light shares with the runner: true', '']);
    expect(said('heavy')).toEqual(['runner', 'heavy', 'heavy shares with the runner: true', '']);
    expect(readFileSync(join(worker, 'task-runner.mjs'), 'utf8')).not.toMatch(/light shares|heavy shares/);
    // Only kinds that run in a process of their own.
    expect(readdirSync(join(worker, 'kinds')).filter((file) => file.endsWith('.mjs'))).toEqual([
      'a-heavy.mjs',
      'a-light.mjs',
    ]);
  });

  test('a larger kind makes neither the function nor the start of its runner larger', async () => {
    saveKinds();
    await bundleFunctions(places);
    const before = bundleSizes(places.outputRoot);
    saveKind('heavy', `console.log('${'x'.repeat(100_000)}');`);
    await bundleFunctions(places);
    const after = bundleSizes(places.outputRoot);
    const { 'worker/kinds/a-heavy.mjs': grown = 0, ...others } = after;
    expect(grown - (before['worker/kinds/a-heavy.mjs'] ?? 0)).toBeGreaterThan(90_000);
    expect({ ...others, 'worker/kinds/a-heavy.mjs': 0 }).toEqual({
      ...before,
      'worker/kinds/a-heavy.mjs': 0,
    });
  });

  test('the size of a kind includes the code that it shares', async () => {
    saveKinds();
    const size = async () => {
      await bundleFunctions(places);
      return bundleSizes(places.outputRoot)['worker/kinds/a-light.mjs'] ?? 0;
    };
    const before = await size();
    write('common.ts', `export const common = { text: '${'x'.repeat(10_000)}' };`);
    expect((await size()) - before).toBeGreaterThan(9_000);
  });

  test('the client for events lies beside each function that moves tasks', async () => {
    const bundles = await bundleFunctions(places);
    for (const name of ['api', 'worker', 'dead-letters', 'dispatcher'] as const) {
      expect(answerOf(bundles[name], 'companions/event-bus')).toBe('I publish');
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
    saveKinds();
    const bytes = async () => {
      await bundleFunctions(places);
      return readdirSync(places.outputRoot, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.mjs(\.map)?$/.test(file))
        .map((file) => [file, readFileSync(join(places.outputRoot, file), 'utf8')]);
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
      'handlers/companions/mail.ts',
      'handlers/companions/event-bus.ts',
      'database/migrations',
    ];
    for (const path of missing) rmSync(join(places.sourceRoot, path), { recursive: true });
    const bundling = bundleFunctions(places);
    for (const path of missing) await expect(bundling).rejects.toThrow(path);
    expect(answerOf(api)).toBe('I am api');
  });
});

/** Two isolated kinds, one inline, and a runner that runs the kind that it is told to. */
function saveKinds(): void {
  write('common.ts', `export const common = {};`);
  write(
    'handlers/task-runner.ts',
    `import { common } from '../common.ts';
    console.log('runner');
    const kinds = {
      heavy: () => import('../tasks/kinds/a-heavy/run.ts'),
      light: () => import('../tasks/kinds/a-light/run.ts'),
    };
    const { default: run } = await kinds[process.argv[2]]();
    run(common);`,
  );
  for (const name of ['light', 'heavy']) saveKind(name, `console.log('${name}');`);
  write('tasks/kinds/a-inline/inline.ts', '');
  write('tasks/kinds/batch-import/run.ts', '');
}

function saveKind(name: string, atLoad: string): void {
  write(
    `tasks/kinds/a-${name}/run.ts`,
    `import { common } from '../../../common.ts';
    ${atLoad}
    export default (given) => console.log('${name} shares with the runner:', given === common);`,
  );
}

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
