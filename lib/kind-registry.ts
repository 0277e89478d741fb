import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Writes the modules that list all kinds, from the folders in functions/tasks/kinds: `npm run generate`. `npm start`, the
 * tests, `npm run check` and synthesis run it automatically. Modules can be bundled, and TypeScript knows the names of
 * the kinds from them.
 */

const KINDS = join(import.meta.dirname, '..', 'functions', 'tasks', 'kinds');

/** Folders that do not contain a kind for callers. */
const OTHERS = ['batch-import', 'generated'];

/**
 * A kind's folder, with those of these files that exist:
 * - `kind.ts`: its data, by `defineKind`, when its function has dependencies that accepting a task does not need;
 * - `run.ts`: its function, for a process of its own, by `defineTask`;
 * - `inline.ts`: its function, for the worker itself, by `defineTask`;
 * - `wired.ts`: its function, for the worker itself, which hands it what a handler has not: see `functions/handlers/worker.ts`.
 */
type Folder = { folder: string; files: readonly string[] };

/** Reads a kind's folder. @throws Error naming the folder and the rule that it breaks */
function readFolder(root: string, folder: string): Folder {
  const files = readdirSync(join(root, folder));
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(folder))
    throw new Error(`functions/tasks/kinds/${folder}: a folder is called <domain>-<verb>`);
  if (!['run.ts', 'inline.ts', 'wired.ts'].some((file) => files.includes(file)))
    throw new Error(`functions/tasks/kinds/${folder}: run.ts, inline.ts or wired.ts is missing`);
  return { folder, files };
}

/** Folders of the kinds, in the order of their names. */
function kindFolders(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !OTHERS.includes(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** Returns the folders of the kinds that can run in a process of their own. @param root the folder of all kinds */
export function isolatedKindFolders(root: string): string[] {
  return kindFolders(root).filter((folder) => existsSync(join(root, folder, 'run.ts')));
}

const WRITTEN = '// Written by `npm run generate` from the folders of the kinds. Do not edit.';

function moduleOf(
  what: string,
  name: string,
  paths: readonly (readonly [folder: string, file: string])[],
): string {
  const nameOf = (folder: string) => folder.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return [
    WRITTEN,
    ...paths.map(([folder, file]) => `import ${nameOf(folder)} from '../${folder}/${file}';`),
    '',
    `/** ${what} */`,
    `export const ${name} = [${paths.map(([folder]) => nameOf(folder)).join(', ')}] as const;`,
    '',
  ].join('\n');
}

/** Returns a module whose imports run when a kind is first needed. */
function lazyModuleOf(what: string, name: string, folders: readonly string[]): string {
  return [
    WRITTEN,
    '',
    `/** ${what} */`,
    `export const ${name} = {`,
    ...folders.map((folder) => `  '${folder}': () => import('../${folder}/run.ts'),`),
    '};',
    '',
  ].join('\n');
}

/** Returns the text of each module, by its name in `generated/`. */
export function kindModules(root = KINDS): Record<string, string> {
  const folders = kindFolders(root).map((folder) => readFolder(root, folder));
  const data = folders.map(({ folder, files }) => {
    const file = ['kind.ts', 'run.ts', 'inline.ts'].find((each) => files.includes(each)) ?? '';
    return [folder, file] as const;
  });
  const having = (file: string) =>
    folders.flatMap(({ folder, files }) => (files.includes(file) ? [[folder, file] as const] : []));
  return {
    'kinds.ts': moduleOf('Every kind that can be asked for, as data.', 'KINDS', data),
    'tasks.ts': lazyModuleOf(
      'Loads the handler of a kind that runs in a process of its own, by the name of its folder.',
      'LOAD_TASK',
      isolatedKindFolders(root),
    ),
    'inline-tasks.ts': moduleOf(
      'Handlers that run in the worker itself.',
      'INLINE_TASKS',
      having('inline.ts'),
    ),
  };
}

/**
 * Writes only the modules whose content has changed, because a checkout may be read-only.
 *
 * @returns the paths of the written modules
 */
export function writeKindRegistry(root = KINDS): string[] {
  const target = join(root, 'generated');
  const stale = Object.entries(kindModules(root)).filter(([file, text]) => {
    const path = join(target, file);
    return !existsSync(path) || readFileSync(path, 'utf8') !== text;
  });
  for (const [file, text] of stale) {
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, file), text);
  }
  return stale.map(([file]) => join(target, file));
}

if (import.meta.main) {
  for (const file of writeKindRegistry()) console.log(`${file} is written`);
}
