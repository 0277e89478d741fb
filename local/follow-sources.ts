import { watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeKindRegistry } from '../lib/kind-registry.ts';
import { startRebuilder } from '../lib/rebuilder.ts';
import type { Runtime } from './runtime.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

/** Editors write a file in several steps, and several files at once. */
const QUIET_MILLISECONDS = 50;

/** Sources of functions. Others in the same folders are tests, and files that editors make for themselves. */
const IS_SOURCE = /(?<!\.test)\.(ts|sql|json)$/;

/**
 * Watches the sources. Functions whose bundle changes get their new code at once; a change of the stack needs a new start. A
 * part that fails (a function that does not compile, a migration, the stack) is tried again at the next change, and does not
 * hold up the others.
 *
 * @param options.bundles  directory for the bundles of this run; emptied first
 * @param options.runtime  the running system
 * @param options.restart  stops the system and starts it again
 * @param options.log      receives one line for each change
 * @param options.root     folder of the sources; default: the checkout
 * @returns how to stop watching
 */
export async function followSources({
  bundles,
  runtime,
  restart,
  log,
  root = REPOSITORY,
}: {
  bundles: string;
  runtime: () => Pick<Runtime, 'replaceCode' | 'invoke'>;
  restart: () => Promise<void>;
  log: (line: string) => void;
  root?: string;
}): Promise<() => Promise<void>> {
  const sourceRoot = join(root, 'functions');
  const builder = await startRebuilder({
    sourceRoot,
    consoleRoot: join(root, 'console'),
    outputRoot: bundles,
  });
  const changed = { functions: new Set<string>(), stack: false };
  const due = { migration: false, restart: false };
  let following: Promise<void> | undefined;

  const logFailure = (part: string, error: unknown): void =>
    log(`Unchanged  ${part}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);

  /** Runs one part of a change. @returns false when it failed; the log then names the part and the reason */
  const attempt = async (part: string, work: () => unknown): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      logFailure(part, error);
      return false;
    }
  };

  /** Migrates first, as a deployment does. @returns the parts that have changed */
  const applyChanges = async (files: readonly string[]): Promise<string[]> => {
    const registry: string[] = [];
    await attempt('kinds', () => registry.push(...writeKindRegistry(join(sourceRoot, 'tasks', 'kinds'))));
    const built = await builder.rebuild([...files, ...registry]);
    const { migrate, ...others } = built.bundles;
    const names = Object.keys(others);
    if (migrate) {
      runtime().replaceCode('migrate', migrate);
      due.migration = true;
    }
    if (due.migration && (await attempt('database', () => runtime().invoke('migrate')))) {
      due.migration = false;
      names.push('migrate');
    }
    for (const [name, bundle] of Object.entries(others)) runtime().replaceCode(name, bundle);
    for (const { name, error } of built.failed) logFailure(name, error);
    if (due.restart && (await attempt('stack', restart))) {
      due.restart = false;
      return ['the stack'];
    }
    return names;
  };

  const follow = async (): Promise<void> => {
    while (changed.functions.size > 0 || changed.stack) {
      await sleep(QUIET_MILLISECONDS);
      const files = [...changed.functions];
      due.restart ||= changed.stack;
      changed.functions.clear();
      changed.stack = false;
      const began = performance.now();
      const names = await applyChanges(files);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (names.length > 0) log(`Changed    ${names.join(', ')} (${seconds} s)`);
    }
    following = undefined;
  };

  const watchers = (['functions', 'lib', 'bin'] as const).map((folder) =>
    watch(join(root, folder), { recursive: true }, (_, file) => {
      if (!file || !IS_SOURCE.test(file)) return;
      if (folder === 'functions') changed.functions.add(join(root, folder, file));
      else changed.stack = true;
      following ??= follow();
    }),
  );
  return async () => {
    for (const watcher of watchers) watcher.close();
    await following;
    await builder.dispose();
  };
}
