import { App } from 'aws-cdk-lib';
import cdk from '../cdk.json' with { type: 'json' };
import { AppStack } from './app-stack.ts';
import type { Bundles } from './bundle.ts';
import { DataStack } from './data-stack.ts';
import { stageNamed } from './stages.ts';

export type CeleriacAppProps = {
  bundles: Bundles;
  /** Where the templates and assets go. */
  outdir: string;
  /** `stage`: `dev` (if absent) or `prod`; `priceApiKey`: CoinGecko's. The command line's `-c` overrides both. */
  context?: { stage?: string; priceApiKey?: string };
};

/** What the `cdk` command asks for by itself: metadata with the directory of a function's code, and with paths. */
const METADATA = { 'aws:cdk:enable-asset-metadata': true, 'aws:cdk:enable-path-metadata': true };

/**
 * Both stacks of one stage, bound to no account and no region. The context of `cdk.json` holds also when it is not
 * the `cdk` command that starts this, so that every way leads to the same templates.
 *
 * @throws when there is no such stage, or its database has too few connections for its functions
 */
export function celeriacApp({ bundles, outdir, context }: CeleriacAppProps): App {
  const app = new App({ outdir, context: { ...cdk.context, ...METADATA, ...context } });
  const stage = stageNamed(app.node.tryGetContext('stage') ?? 'dev');
  const data = new DataStack(app, `Celeriac-${stage.name}-Data`, {
    stage,
    terminationProtection: stage.keepsData,
  });
  new AppStack(app, `Celeriac-${stage.name}-App`, { stage, data, bundles });
  return app;
}
