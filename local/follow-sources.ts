import { watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRebuilder } from '../lib/bundle.ts';
import { writeKindRegistry } from '../lib/kind-registry.ts';
import type { Runtime } from './runtime.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

/** Editors write a file in several steps, and several files at once. */
const QUIET_MILLISECONDS = 50;

/** Sources of functions. Others in the same folders are tests, and files that editors make for themselves. */
const IS_SOURCE = /(?<!\.test)\.(ts|sql|json)$/;

/**
 * Watches the sources. Functions whose bundle changes get their new code at once; a change of the stack needs a new start.
 *
 * @param options.bundles  directory for the bundles of this run; emptied first
 * @param options.runtime  the running system
 * @param options.restart  stops the system and starts it again
 * @param options.log      receives one line for each change
 * @returns how to stop watching
 */
export async function followSources({
  bundles,
  runtime,
  restart,
  log,
}: {
  bundles: string;
  runtime: () => Runtime;
  restart: () => Promise<void>;
  log: (line: string) => void;
}): Promise<() => Promise<void>> {
  const builder = await startRebuilder(bundles);
  const changed = { functions: new Set<string>(), stack: false };
  let following: Promise<void> | undefined;

  const follow = async (): Promise<void> => {
    while (changed.functions.size > 0 || changed.stack) {
      await sleep(QUIET_MILLISECONDS);
      const { stack } = changed;
      const files = [...changed.functions];
      changed.functions.clear();
      changed.stack = false;
      const began = performance.now();
      try {
        const names = await replaceChanged([...files, ...writeKindRegistry()]);
        if (stack) await restart();
        const what = stack ? 'the stack' : names.join(', ');
        if (what) log(`Changed    ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
      } catch (error) {
        // esbuild has printed where a source does not compile.
        log(`Unchanged  ${error instanceof Error ? error.message.split('\n')[0] : error}`);
      }
    }
    following = undefined;
  };

  /** Migrates first, as a deployment does. */
  const replaceChanged = async (files: readonly string[]): Promise<string[]> => {
    const bundles = Object.entries(await builder.rebuild(files));
    const { migrate } = Object.fromEntries(bundles);
    if (migrate) {
      runtime().replaceCode('migrate', migrate);
      await runtime().invoke('migrate');
    }
    for (const [name, bundle] of bundles) runtime().replaceCode(name, bundle);
    return bundles.map(([name]) => name);
  };

  const watchers = (['functions', 'lib', 'bin'] as const).map((folder) =>
    watch(join(REPOSITORY, folder), { recursive: true }, (_, file) => {
      if (!file || !IS_SOURCE.test(file)) return;
      if (folder === 'functions') changed.functions.add(join(REPOSITORY, folder, file));
      else changed.stack = true;
      following ??= follow();
    }),
  );
  return async () => {
    for (const watcher of watchers) watcher.close();
    await following;
  };
}
