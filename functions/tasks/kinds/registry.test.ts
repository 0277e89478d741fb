import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { inlineTaskOf } from './inline-tasks.ts';
import { DEFAULT_KIND, KIND_NAMES, kindOf } from './registry.ts';
import { taskOf } from './tasks.ts';

/** Returns the packages in a bundle of this module. */
async function packagesIn(module: string): Promise<Set<string>> {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL(module, import.meta.url))],
    bundle: true,
    format: 'esm',
    metafile: true,
    platform: 'node',
    write: false,
  });
  const names = Object.keys(metafile.inputs).flatMap(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [],
  );
  return new Set(names);
}

test('accepting a task needs no HTTP client, address library or CSV parser: registry.ts bundles zod and what reads digits', async () => {
  expect(await packagesIn('./registry.ts')).toEqual(new Set(['zod', 'lossless-json']));
});

test('data.process needs no package but these, and no HTTP client, which is handed in', async () => {
  expect(await packagesIn('./data-process/run.ts')).toEqual(new Set(['zod', 'lossless-json']));
});

test('running inline tasks needs no more', async () => {
  expect(await packagesIn('./inline-tasks.ts')).toEqual(new Set(['zod', 'lossless-json']));
});

test('every name has its kind', () => {
  for (const name of KIND_NAMES) expect(kindOf(name)?.kind).toBe(name);
});

test('the default kind is data.process', () => {
  expect(DEFAULT_KIND).toBe('data.process');
});

const isWired = (name: string) =>
  existsSync(new URL(`${name.replaceAll('.', '-')}/wired.ts`, import.meta.url));

describe.each(KIND_NAMES)('%s', async (name) => {
  const kind = kindOf(name);
  const isolated = await taskOf(name);

  test('has the name of its folder', () => {
    expect(existsSync(new URL(name.replaceAll('.', '-'), import.meta.url))).toBe(true);
  });

  test.each([
    ['in a process of its own', isolated, kind.runs !== 'inline'],
    // The worker makes the handlers in `wired.ts` itself.
    ['in the worker itself', inlineTaskOf(name), kind.runs !== 'isolated' && !isWired(name)],
  ])(
    'runs %s if its data says so, with the limits, schema and retries that it was accepted with',
    (_, task, runs) => {
      if (runs) expect(task).toMatchObject({ ...kind });
      else expect(task).toBeUndefined();
    },
  );

  test('has a label and a description, and accepts its own example', () => {
    expect(kind.label).not.toBe('');
    expect(kind.description).toMatch(/\.$/);
    expect(kind.payload.safeParse(kind.example)).toMatchObject({ success: true });
  });
});

test('an unknown name has no kind, even the name of a property of every object or of a folder', async () => {
  for (const name of ['', 'data', 'DATA.PROCESS', 'data-process', 'constructor', '__proto__', 'toString']) {
    expect([kindOf(name), await taskOf(name)]).toEqual([undefined, undefined]);
  }
});
