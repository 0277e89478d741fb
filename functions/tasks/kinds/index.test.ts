import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { DEFAULT_KIND, KIND_NAMES, KINDS, kindOf } from './index.ts';
import { inlineTaskOf } from './inline-tasks.ts';
import { taskOf } from './tasks.ts';

/** The packages that a bundle of this module contains. */
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

test('accepting a task needs no HTTP client, address library or CSV parser: index.ts bundles zod and what reads digits', async () => {
  expect(await packagesIn('./index.ts')).toEqual(new Set(['zod', 'lossless-json']));
});

test('running tasks needs the CSV parser, and no HTTP client, which is handed in', async () => {
  expect(await packagesIn('./tasks.ts')).toEqual(new Set(['zod', 'lossless-json', 'csv-parse']));
});

test('running those that run inline needs no more', async () => {
  expect(await packagesIn('./inline-tasks.ts')).toEqual(new Set(['zod', 'lossless-json']));
});

test('every name has its kind, and the list of names is complete', () => {
  expect([...KIND_NAMES].sort()).toEqual(Object.keys(KINDS).sort());
  for (const name of KIND_NAMES) expect(kindOf(name)?.kind).toBe(name);
});

test('what a task without a kind runs is data.process', () => {
  expect(DEFAULT_KIND).toBe('data.process');
});

describe('what runs a kind', () => {
  for (const name of KIND_NAMES) {
    test(`${name} has the limits, schema and retries that it was accepted with`, () => {
      expect(taskOf(name)).toMatchObject({ ...kindOf(name) });
    });

    if (KINDS[name].runs === 'isolated') continue;
    test(`${name} has them inline too`, () => {
      expect(inlineTaskOf(name)).toMatchObject({ ...kindOf(name) });
    });
  }
});

test('a name of no kind is unknown, also one that every object has', () => {
  for (const name of ['', 'data', 'DATA.PROCESS', 'constructor', '__proto__', 'toString']) {
    expect([kindOf(name), taskOf(name)]).toEqual([undefined, undefined]);
  }
});
