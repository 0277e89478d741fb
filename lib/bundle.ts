import { cpSync, existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { DATABASE_FUNCTIONS, FUNCTION_NAMES, type FunctionName, mapFunctions } from './functions.ts';
import { isolatedKindFolders } from './kind-registry.ts';
import { writeRdsAuthorities } from './rds-authorities.ts';

/**
 * Modules in `handlers/` that a function loads only when needed. Each becomes a bundle beside the function's bundle. Dependencies
 * that only such a module needs stay out of the function's own bundle.
 */
const COMPANIONS: Partial<Record<FunctionName, readonly string[]>> = {
  api: ['companions/event-bus'],
  worker: ['companions/event-bus', 'companions/mail'],
  'dead-letters': ['companions/event-bus'],
  dispatcher: ['companions/event-bus'],
};

/**
 * The program of the processes that run isolated kinds. Each kind is a bundle of its own, `kinds/<folder>.mjs`, which a process
 * loads when it first runs the kind. Code that several of these bundles need is in `shared/`. A kind with heavy dependencies makes
 * neither the function larger nor the start of these processes slower.
 */
const RUNNER = { function: 'worker', program: 'task-runner' } as const;

/** The directory of each function's bundle. It contains `index.mjs`, the companions, and their source maps. */
export type Bundles = Record<FunctionName, string>;

export type BundlePlaces = {
  /** The folder with `handlers/` and `database/migrations/`. */
  sourceRoot: string;
  /** The folder with the console's files, as browsers load them. */
  consoleRoot: string;
  /** Emptied first. Gets one directory per function. */
  outputRoot: string;
};

export const REPOSITORY = resolve(import.meta.dirname, '..');

export const PLACES: BundlePlaces = {
  sourceRoot: join(REPOSITORY, 'functions'),
  consoleRoot: join(REPOSITORY, 'console'),
  outputRoot: join(REPOSITORY, 'dist', 'functions'),
};

/** CommonJS dependencies inside an ES module still call `require`. The alias avoids a clash with an import of the same name. */
const REQUIRE_BANNER = [
  `import { createRequire as createBundleRequire } from 'node:module';`,
  'const require = createBundleRequire(import.meta.url);',
].join('');

/**
 * Modules of dependencies that this code never uses and that tree shaking does not remove, with their replacements. zod
 * contains its messages in fifty languages (260 kB). undici contains its parsers a second time for processors without
 * SIMD (150 kB), which Lambda does not have, and an index that loads its fetch, mocks and caches (260 kB) although the
 * guarded fetch uses only connections. The SDK looks for credentials in twelve places (200 kB), but Lambda always passes
 * them in the environment.
 */
const LEFT_OUT = [
  {
    module: /[/\\]@aws-sdk[/\\]credential-provider-node[/\\]dist-es[/\\]index\.js$/,
    contents: `
      import { fromEnv } from '@aws-sdk/credential-provider-env';
      export const defaultProvider = fromEnv;`,
  },
  {
    module: /[/\\]@aws-sdk[/\\]credential-providers[/\\]dist-es[/\\]index\.js$/,
    contents: `export { fromEnv as fromNodeProviderChain } from './fromEnv.js';`,
  },
  {
    module: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/,
    contents: `export { default as en } from './en.js';`,
  },
  {
    module: /[/\\]undici[/\\]lib[/\\](?:milo[/\\]no-simd|llhttp[/\\]llhttp-wasm)\.js$/,
    contents: `throw new Error('This processor cannot run undici: it lacks SIMD');`,
  },
  {
    module: /[/\\]node_modules[/\\]undici[/\\]index\.js$/,
    contents: `
      const Dispatcher = require('./lib/dispatcher/dispatcher');
      Object.assign(Dispatcher.prototype, require('./lib/api'));
      exports.Client = require('./lib/dispatcher/client');`,
  },
];

/** Files in the console's folder that are for developers only. */
const NOT_SERVED = /(\.test\.ts|tsconfig\.json)$/;

const leaveOut: Plugin = {
  name: 'leave-out',
  setup({ onLoad }) {
    for (const { module, contents } of LEFT_OUT) onLoad({ filter: module }, () => ({ contents }));
  },
};

/**
 * Builds every function, dependencies and AWS SDK included. Copies the migrations, the console and the certificates of
 * RDS beside the functions that need them. The same sources give the same bytes.
 *
 * @param places default: the checkout's own folders
 * @throws when handlers, the migrations or the console are missing, naming all of them, or when a source does not compile
 */
export async function bundleFunctions(places: Partial<BundlePlaces> = {}): Promise<Bundles> {
  const all = { ...PLACES, ...places };
  const { outputRoot } = all;
  const builds = buildsOf(all);
  const sources = builds.flatMap(({ entryPoints }) => Object.values(entryPoints));
  const missing = [...sources, migrationsIn(all), all.consoleRoot].filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`Cannot bundle the functions; missing: ${missing.join(', ')}`);

  rmSync(outputRoot, { recursive: true, force: true });
  await Promise.all(builds.map((options) => build(options)));
  for (const name of FUNCTION_NAMES) copyCompanions(name, join(outputRoot, name), all);
  return mapFunctions((name) => join(outputRoot, name));
}

/** Returns the folder of the migrations. */
export const migrationsIn = ({ sourceRoot }: BundlePlaces) => join(sourceRoot, 'database', 'migrations');

/** The sources of bundles that share no code, by their names without an extension: `worker/index`, `worker/companions/mail`, … */
function entryPointsIn(sourceRoot: string, names: readonly FunctionName[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) =>
      ['index', ...(COMPANIONS[name] ?? [])].map((program) => [
        `${name}/${program}`,
        handlerIn(sourceRoot, program === 'index' ? name : program),
      ]),
    ),
  );
}

/** The sources of the runner of tasks and of its kinds, by their names in the function's directory. */
function runnerEntryPointsIn(sourceRoot: string): Record<string, string> {
  const root = join(sourceRoot, 'tasks', 'kinds');
  return {
    [RUNNER.program]: handlerIn(sourceRoot, RUNNER.program),
    ...Object.fromEntries(
      isolatedKindFolders(root).map((folder) => [`kinds/${folder}`, join(root, folder, 'run.ts')]),
    ),
  };
}

const handlerIn = (sourceRoot: string, program: string) => join(sourceRoot, 'handlers', `${program}.ts`);

/** Copies what a function reads at run time beside its bundle: certificates, the migrations, the console. */
export function copyCompanions(name: FunctionName, directory: string, places: BundlePlaces): void {
  if (DATABASE_FUNCTIONS.includes(name)) writeRdsAuthorities(directory);
  if (name === 'migrate') cpSync(migrationsIn(places), join(directory, 'migrations'), { recursive: true });
  if (name !== 'publish-console') return;
  cpSync(places.consoleRoot, join(directory, 'console'), {
    recursive: true,
    filter: (path) => !NOT_SERVED.test(path),
  });
}

/** Returns esbuild's options for each build. @param names the functions to build; default: all */
export function buildsOf(
  { sourceRoot, outputRoot }: BundlePlaces,
  names: readonly FunctionName[] = FUNCTION_NAMES,
) {
  const functions = { ...OPTIONS, entryPoints: entryPointsIn(sourceRoot, names), outdir: outputRoot };
  if (!names.includes(RUNNER.function)) return [functions];
  const runner = {
    ...OPTIONS,
    entryPoints: runnerEntryPointsIn(sourceRoot),
    outdir: join(outputRoot, RUNNER.function),
    splitting: true,
    chunkNames: 'shared/[hash]',
  };
  return [functions, runner];
}

const OPTIONS = {
  absWorkingDir: REPOSITORY,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // Tree shaking works on a dependency's ES module build, but often not on its CommonJS build. The SDK is the largest
  // dependency.
  mainFields: ['module', 'main'],
  minify: true,
  sourcemap: true,
  legalComments: 'none',
  banner: { js: REQUIRE_BANNER },
  plugins: [leaveOut],
  logLevel: 'warning',
} as const satisfies BuildOptions;
