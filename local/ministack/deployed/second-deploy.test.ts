import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { adaptAssembly } from '../adapt/adapt.ts';
import { cdk, LIMIT_SECONDS, synthesize } from '../cdk.ts';

/*
 * A second synthesis and deployment of unchanged sources.
 */

const { endpoint, authority, assembly, adaptation } = inject('system');

/** Longer than the command's own limit, so that a hang is reported by the command. */
const LIMIT_MS = (LIMIT_SECONDS + 20) * 1000;
vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

let directory: string;
let fresh: string;
let adapted: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-second-deploy-'));
  fresh = join(directory, 'fresh');
  adapted = join(directory, 'adapted');
  await synthesize(fresh);
  await adaptAssembly(fresh, adapted, adaptation);
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const templatesIn = async (outdir: string) => {
  const names = (await readdir(outdir)).filter((name) => name.endsWith('.template.json')).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(outdir, name), 'utf8')]));
};

test('synthesizing twice gives the same templates, byte by byte', async () => {
  const templates = await templatesIn(fresh);
  expect(templates.length).toBeGreaterThan(1);
  expect(templates).toEqual(await templatesIn(assembly));
});

test('cdk diff finds no difference to what is deployed', async () => {
  const output = await cdk(['diff', '--app', adapted, '--fail'], { endpoint, authority, home: directory });
  expect(output).toContain('Number of stacks with differences: 0');
});

test('a second deploy changes nothing in any stack', async () => {
  const args = ['deploy', '--all', '--app', adapted, '--require-approval', 'never'];
  const output = await cdk(args, { endpoint, authority, home: directory });
  const stacks = (await templatesIn(adapted)).map(([name]) => name?.replace('.template.json', ''));
  for (const stack of stacks) expect(output).toContain(`${stack} (no changes)`);
  expect(output).not.toContain('UPDATE_');
});
