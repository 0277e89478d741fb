import { App, Tags } from 'aws-cdk-lib';
import cdk from '../../cdk.json' with { type: 'json' };
import type { Bundles } from '../bundle.ts';
import { type Settings, withSettings } from '../stage-settings.ts';
import { stageNamed } from '../stages.ts';
import { AppStack } from './app-stack.ts';
import { DataStack } from './data-stack.ts';
import { FirewallStack } from './firewall-stack.ts';

export type CeleriacAppProps = {
  bundles: Bundles;
  /** Where the templates and assets go. */
  outdir: string;
  /** `stage`: `dev` if absent; the rest as `Settings` says. The command line's `-c` goes before all. */
  context?: { stage?: string } & Settings;
};

/** What the `cdk` command asks for by itself: metadata with the directory of a function's code, and with paths. */
const METADATA = { 'aws:cdk:enable-asset-metadata': true, 'aws:cdk:enable-path-metadata': true };

/**
 * The stacks of one stage, bound to no account and no region (but the firewall's, where there is one). The context of `cdk.json` holds also when it is not
 * the `cdk` command that starts this, so that every way leads to the same templates.
 *
 * @throws when the stage's name or a setting is wrong, or the stage's database has too few connections for its functions
 */
export function celeriacApp({ bundles, outdir, context }: CeleriacAppProps): App {
  const app = new App({ outdir, context: { ...cdk.context, ...METADATA, ...context } });
  const stage = withSettings(stageNamed(app.node.tryGetContext('stage') ?? 'dev'), app.node);
  Tags.of(app).add('Application', 'celeriac');
  Tags.of(app).add('Stage', stage.name);
  const data = new DataStack(app, `Celeriac-${stage.name}-Data`, {
    stage,
    terminationProtection: stage.keepsData,
  });
  const firewall = stage.firewall.on
    ? new FirewallStack(app, `Celeriac-${stage.name}-Firewall`, { stage })
    : undefined;
  const application = new AppStack(app, `Celeriac-${stage.name}-App`, { stage, data, bundles });
  if (firewall) application.addStackDependency(firewall, 'The front door names its firewall');
  return app;
}
