import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { App } from 'aws-cdk-lib';
import { judge } from '../lib/preflight/judge.ts';
import { look } from '../lib/preflight/look.ts';
import { withSettings } from '../lib/stage-settings.ts';
import { stageNamed } from '../lib/stages.ts';

/*
 * Reports the problems that would make a deployment fail, before it starts. Changes nothing. Takes the settings of the
 * deployment, for example `-c firewall=on`.
 */

const { context } = parseArgs({
  options: { context: { type: 'string', short: 'c', multiple: true, default: [] } },
}).values;
const settings = Object.fromEntries(
  context.map((setting) => [setting.split('=')[0], setting.slice(setting.indexOf('=') + 1)]),
);
const region = process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || process.env.CDK_DEFAULT_REGION;
if (!region) {
  console.error('No region is chosen. What to do: set AWS_REGION');
  process.exit(1);
}
const kept = existsSync('cdk.context.json') ? JSON.parse(readFileSync('cdk.context.json', 'utf8')) : {};
const { node } = new App({ context: { ...kept, ...settings } });
const stage = withSettings(stageNamed(node.tryGetContext('stage') ?? 'dev'), node);
const facts = await look(stage, region).catch((error: Error) => {
  console.error(
    `AWS does not know who you are (${error.message}). What to do: aws sso login, or set AWS_PROFILE`,
  );
  process.exit(1);
});
const findings = judge(stage, facts);
console.log(`Stage ${stage.name} in ${region}, account ${facts.account}`);
for (const { level, what, todo } of findings) console.log(`${level}: ${what}. What to do: ${todo}`);
if (findings.some(({ level }) => level === 'error')) {
  console.log('The deployment would fail');
  process.exit(1);
}
console.log('No problem was found: the stage can be deployed');
