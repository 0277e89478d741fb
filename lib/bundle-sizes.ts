import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An import that runs when its module is loaded, in esbuild's output. */
const STATIC_IMPORT = /(?:\bfrom|\bimport)\s*"(\.{1,2}\/[^"]+\.mjs)"/g;

/** A bundle's own file, and every file that is loaded with it: code that it shares with other bundles. */
export function filesOf(bundle: string): string[] {
  const files = new Set([bundle]);
  for (const file of files) {
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)) {
      const imported = join(dirname(file), path);
      if (existsSync(imported)) files.add(imported);
    }
  }
  return [...files];
}

/** Returns the bytes of minified code that are loaded with a bundle. Source maps do not count. */
export function sizeOf(bundle: string): number {
  return filesOf(bundle).reduce((sum, file) => sum + statSync(file).size, 0);
}

/**
 * Returns the bundles in a directory of functions or of one function, each by its path in the directory: programs, and the kinds
 * that the runner of tasks loads. Code that they share is not listed by itself.
 */
export function bundlesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.mjs') && !dirname(file).endsWith('shared'))
    .sort();
}

/** Returns the size of each bundle in a directory, by its path in the directory. */
export function bundleSizes(directory: string): Record<string, number> {
  return Object.fromEntries(bundlesIn(directory).map((file) => [file, sizeOf(join(directory, file))]));
}
