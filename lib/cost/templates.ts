import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mapFunctions } from '../functions.ts';
import { celeriacApp } from '../stacks/celeriac-app.ts';
import type { STAGES } from '../stages.ts';
import type { Template } from './inventory.ts';

export type StageName = keyof typeof STAGES;

/**
 * Returns the templates of a stage. Any directory serves as the functions' code, because the code does not influence the
 * cost of resources.
 */
export function templatesOf(stage: StageName): Template[] {
  const outdir = mkdtempSync(join(tmpdir(), 'celeriac-cost-'));
  try {
    const bundles = mapFunctions(() => import.meta.dirname);
    return celeriacApp({ bundles, outdir, context: { stage } })
      .synth()
      .stacksRecursively.map(({ template }) => template);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
