import { writeFileSync } from 'node:fs';
import { generatedPage, PAGE } from '../lib/cost/page.ts';

// Prints what the stack costs, and brings docs/cost.md up to date.
const page = generatedPage();
writeFileSync(PAGE, page);
process.stdout.write(page);
