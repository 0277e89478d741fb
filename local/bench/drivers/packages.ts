import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setting } from './setting.ts';

/**
 * Requires a package from the bench's cache, whose directory the parent names. The repository does not depend on it.
 */
export const fromCache = createRequire(join(setting('BENCH_PACKAGES'), 'package.json'));
