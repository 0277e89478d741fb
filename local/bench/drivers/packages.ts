import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setting } from './setting.ts';

/** A package of the bench's cache, which the parent names: it is no dependency of this repository. */
export const fromCache = createRequire(join(setting('BENCH_PACKAGES'), 'package.json'));
