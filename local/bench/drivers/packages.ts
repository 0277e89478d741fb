import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A package of the bench's cache, which the parent names: it is no dependency of this repository. */
export const fromCache = createRequire(join(setting('BENCH_PACKAGES'), 'package.json'));

/** @throws when the parent did not say */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
