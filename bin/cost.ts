import { writeFileSync } from 'node:fs';
import { generatedPage, PAGE } from '../lib/cost/page.ts';

// Prints the cost of the stack, and updates docs/cost.md.
const page = generatedPage();
writeFileSync(PAGE, page);
process.stdout.write(page);
