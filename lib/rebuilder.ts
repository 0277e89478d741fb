import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { context } from 'esbuild';
import {
  type BundlePlaces,
  type Bundles,
  buildsOf,
  copyCompanions,
  migrationsIn,
  PLACES,
  REPOSITORY,
} from './bundle.ts';
import { FUNCTION_NAMES, type FunctionName } from './functions.ts';

/** The result of a build. */
export type Rebuilt = {
  /** The directories of the functions whose bundle differs from the one before. */
  readonly bundles: Partial<Bundles>;
  /** The functions that could not be built, with the reasons. esbuild has printed where a source does not compile. */
  readonly failed: readonly { name: FunctionName; error: unknown }[];
};

/** Builds bundles repeatedly, as sources change. */
export interface Rebuilder {
  /**
   * Builds the functions whose sources have changed, and those whose last build failed. Each build has a directory of its own, so
   * that a running function keeps its files. A function that does not compile does not hold up the others.
   *
   * @param changed absolute paths
   */
  rebuild(changed: readonly string[]): Promise<Rebuilt>;
  /** Frees the memory of the builds. */
  dispose(): Promise<void>;
}

/**
 * Builds all functions once, without minifying, to know their sources.
 *
 * @param places `outputRoot` is emptied first
 */
export async function startRebuilder(
  places: Pick<BundlePlaces, 'outputRoot'> & Partial<BundlePlaces>,
): Promise<Rebuilder> {
  const all = { ...PLACES, ...places };
  rmSync(all.outputRoot, { recursive: true, force: true });
  const builds = FUNCTION_NAMES.map((name) => startBuild(name, all));

  const rebuild = async (changed: readonly string[]): Promise<Rebuilt> => {
    const concerned = builds.filter((build) => build.isConcernedBy(changed));
    const bundles: Partial<Bundles> = {};
    const failed: Rebuilt['failed'][number][] = [];
    await Promise.all(
      concerned.map(async ({ name, run }) => {
        try {
          const directory = await run();
          if (directory) bundles[name] = directory;
        } catch (error) {
          failed.push({ name, error });
        }
      }),
    );
    return { bundles, failed };
  };
  await rebuild([]);
  return {
    rebuild,
    dispose: async () => void (await Promise.all(builds.map(({ dispose }) => dispose()))),
  };
}

// A stack trace needs the lines of the sources, not their text.
const DEVELOPMENT = { minify: false, sourcesContent: false, metafile: true, write: false } as const;

/**
 * The builds that make one function's bundles. esbuild keeps what it has parsed. The runner's build is made anew when a kind was added
 * or removed, because esbuild does not take further entry points.
 */
function contextsOf(name: FunctionName, places: BundlePlaces) {
  let entries = '';
  let contexts: Awaited<ReturnType<typeof developmentContext>>[] = [];
  const dispose = async () => void (await Promise.all(contexts.map((each) => each.dispose())));
  return {
    dispose,
    rebuild: async () => {
      const builds = buildsOf(places, [name]);
      const wanted = JSON.stringify(builds.map(({ entryPoints }) => entryPoints));
      if (wanted !== entries) {
        await dispose();
        contexts = await Promise.all(builds.map(developmentContext));
        entries = wanted;
      }
      const results = await Promise.all(contexts.map((each) => each.rebuild()));
      return {
        outputFiles: results.flatMap(({ outputFiles }) => outputFiles),
        inputs: results.flatMap(({ metafile }) => Object.keys(metafile.inputs)),
      };
    },
  };
}

const developmentContext = (options: ReturnType<typeof buildsOf>[number]) =>
  context({ ...options, ...DEVELOPMENT });

/** The builds of one function. */
function startBuild(name: FunctionName, places: BundlePlaces) {
  const { outputRoot } = places;
  const builds = contextsOf(name, places);
  let last: { inputs: ReadonlySet<string>; directory: string } | undefined;
  let isFailed = true;

  return {
    name,
    dispose: builds.dispose,
    isConcernedBy: (changed: readonly string[]): boolean =>
      isFailed ||
      changed.some(
        (path) =>
          last?.inputs.has(path) || (name === 'migrate' && path.startsWith(migrationsIn(places) + sep)),
      ),
    /** @returns the new directory; undefined when the bundle is as before @throws when a source does not compile */
    run: async (): Promise<string | undefined> => {
      isFailed = true;
      const { outputFiles, inputs } = await builds.rebuild();
      const digest = createHash('sha256');
      for (const { path, hash } of outputFiles) digest.update(`${path}\0${hash}\0`);
      if (name === 'migrate') {
        for (const [file, text] of migrationsOf(places)) digest.update(file).update(text);
      }
      const directory = join(outputRoot, `${name}-${digest.digest('hex').slice(0, 16)}`);
      const isChanged = last?.directory !== directory;
      if (isChanged) {
        for (const { path, contents } of outputFiles) {
          const target = join(directory, relative(join(outputRoot, name), path));
          mkdirSync(dirname(target), { recursive: true });
          writeFileSync(target, contents);
        }
        copyCompanions(name, directory, places);
      }
      last = {
        inputs: new Set(inputs.map((path) => join(REPOSITORY, path))),
        directory,
      };
      isFailed = false;
      return isChanged ? directory : undefined;
    },
  };
}

/** Returns the files of the migrations with their contents. The journal counts: it makes a file a migration. */
function migrationsOf(places: BundlePlaces): (readonly [file: string, text: Buffer])[] {
  const folder = migrationsIn(places);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(sql|json)$/.test(file))
    .map((file) => [file, readFileSync(join(folder, file))] as const);
}
