import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { figure, milliseconds } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';

const BUDGET = { kilobytes: 1000, milliseconds: 150 };
const SIZES = join(import.meta.dirname, '..', '..', '..', 'sizes.ts');
const SECONDS = 120;

type Size = { 'bundle, kB': number; 'import, ms': number };

/** Finds the largest bundle and the slowest import in the output of `npm run sizes`. */
export const bundlesPart: Part = {
  name: 'bundles',
  seconds: SECONDS,
  async run() {
    const { stdout } = await promisify(execFile)(process.execPath, [SIZES, '--json'], {
      timeout: SECONDS * 1000,
    });
    const sizes = Object.entries<Size>(JSON.parse(stdout));
    const largest = greatest(sizes, 'bundle, kB');
    const slowest = greatest(sizes, 'import, ms');
    return [
      {
        what: 'bundle of each function, minified',
        budget: `under ${figure(BUDGET.kilobytes)} kB`,
        measured: `${figure(largest.value)} kB at most`,
        kept: largest.value < BUDGET.kilobytes,
        remark: `the largest of ${sizes.length} is ${largest.name}`,
      },
      {
        what: 'import of each function',
        budget: `under ${milliseconds(BUDGET.milliseconds)}`,
        measured: `${milliseconds(slowest.value)} at most`,
        kept: slowest.value < BUDGET.milliseconds,
        remark: `median of 7 processes each; the slowest is ${slowest.name}`,
      },
    ];
  },
};

function greatest(sizes: readonly [string, Size][], of: keyof Size): { name: string; value: number } {
  return sizes.reduce((most, [name, size]) => (size[of] > most.value ? { name, value: size[of] } : most), {
    name: 'none',
    value: 0,
  });
}
