import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inventoryOf } from './inventory.ts';
import { fill } from './markdown.ts';
import { type Inventories, sections } from './report.ts';
import { templatesOf } from './templates.ts';

export const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'cost.md');

/** What both stages of the stack, as it is now, are paid for. */
export const inventories = (): Inventories => ({
  dev: inventoryOf(templatesOf('dev')),
  prod: inventoryOf(templatesOf('prod')),
});

/** docs/cost.md with its tables as the model gives them now. */
export const generatedPage = (): string => fill(readFileSync(PAGE, 'utf8'), sections(inventories()));
