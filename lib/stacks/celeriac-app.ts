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
  /** Directory of the templates and assets. */
  outdir: string;
  /** `stage` is `dev` if absent. The other members are described at `Settings`. The command line's `-c` takes precedence. */
  context?: { stage?: string } & Settings;
};

/** Metadata that the `cdk` command requests by itself: the directory of a function's code, and paths. */
const METADATA = { 'aws:cdk:enable-asset-metadata': true, 'aws:cdk:enable-path-metadata': true };

/**
 * Creates the stacks of one stage. They are bound to no account and no region, except for the firewall's region. The
 * context of `cdk.json` also applies without the `cdk` command, so that every way gives the same templates.
 *
 * @throws when the stage's name or a setting is wrong, or when the stage's database has too few connections for its
 *   functions
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
