import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fill } from '../generated-parts.ts';
import { inventoryOf } from './inventory.ts';
import { type Inventories, sections } from './report.ts';
import { templatesOf } from './templates.ts';

export const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'cost.md');

/** Returns the billed resources of both stages, from the current templates. */
export const inventories = (): Inventories => ({
  dev: inventoryOf(templatesOf('dev')),
  prod: inventoryOf(templatesOf('prod')),
});

/** Returns docs/cost.md with its tables from the current model. */
export const generatedPage = (): string => fill(readFileSync(PAGE, 'utf8'), sections(inventories()));
