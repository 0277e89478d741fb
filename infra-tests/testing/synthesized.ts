import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll } from 'vitest';
import type { Bundles } from '../../lib/bundle.ts';
import { entryOf, FUNCTION_NAMES, type FunctionName, mapFunctions } from '../../lib/functions.ts';
import { celeriacApp } from '../../lib/stacks/celeriac-app.ts';
import type { Settings } from '../../lib/stage-settings.ts';
import { STAGES } from '../../lib/stages.ts';

export type StageName = keyof typeof STAGES;
export const STAGE_NAMES = Object.keys(STAGES) as readonly StageName[];

/** A CloudFormation resource from the template. Its properties are as loosely typed as JSON. */
export type Resource = ReturnType<Template['findResources']>[string];

export type Synthesized = {
  /** The directory of the assembly, with the templates and the assets. */
  directory: string;
  app: Template;
  data: Template;
};

const workplace = mkdtempSync(join(tmpdir(), 'celeriac-infra-'));
afterAll(() => rmSync(workplace, { recursive: true, force: true }));

/** Returns a directory that is deleted after the file's tests. */
export const temporary = (name: string) => join(workplace, name);

const known = new Map<StageName, Synthesized>();

/** Returns both stacks of a stage, synthesized once per test file. */
export function synthesized(stage: StageName): Synthesized {
  const result = known.get(stage) ?? synthesize(stage, temporary(`cdk.out-${stage}`));
  known.set(stage, result);
  return result;
}

/** A value for every setting. */
export const ALL_SETTINGS: Settings = {
  alarmEmail: 'on-call@example.com',
  domainName: 'tasks.example.com',
  certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/c0ffee',
  hostedZoneId: 'Z0123456789',
  hostedZoneName: 'example.com',
  firewall: 'on',
  firewallRequestsPerMinute: '12000',
  priceApiKeySecret: 'coingecko',
  mailSenders: 'example.com,ada@example.org',
  smtpUrlSecret: 'smtp',
  ownKey: 'on',
  monthlyBudget: '400',
  reservations: 'off',
  vpcId: 'vpc-0123456789abcdef0',
  functionSubnetIds: 'subnet-0a,subnet-0b',
  databaseSubnetIds: 'subnet-0c,subnet-0d',
};

/** Returns the app with tiny bundles: the functions' code does not matter here. */
export function appOf(stage: string, outdir: string, settings: Settings = {}): App {
  return celeriacApp({ bundles: standIns(), outdir, context: { stage, ...settings } });
}

/** Synthesizes both stacks anew. */
export function synthesize(stage: string, outdir: string, settings: Settings = {}): Synthesized {
  const assembly = appOf(stage, outdir, settings).synth();
  const template = (stack: string) =>
    Template.fromJSON(assembly.getStackByName(`Celeriac-${stage}-${stack}`).template);
  return { directory: assembly.directory, app: template('App'), data: template('Data') };
}

function standIns(): Bundles {
  return mapFunctions((name) => {
    const directory = temporary(join('bundles', name));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'index.mjs'), `export const handler = async () => '${name}';\n`);
    return directory;
  });
}

/** Returns the logical id and the resource of each function. Functions that the library adds for itself are left out. */
export function functionsOf({ app }: Synthesized): Record<FunctionName, { id: string; resource: Resource }> {
  const all = Object.entries(app.findResources('AWS::Lambda::Function'));
  return mapFunctions((name) => {
    const found = all.find(([, { Properties }]) => entryOf(String(Properties.FunctionName)) === name);
    if (!found) throw new Error(`The template has no function ${name}`);
    return { id: found[0], resource: found[1] };
  });
}

/** Returns the function to which a `Fn::GetAtt` of an ARN, or a text with it, points. */
export function functionAt(stacks: Synthesized, target: unknown): FunctionName | undefined {
  const text = JSON.stringify(target) ?? '';
  const functions = functionsOf(stacks);
  return FUNCTION_NAMES.find((name) => text.includes(`"${functions[name].id}"`));
}

export type Statement = { Effect: string; Action: string | string[]; Resource: unknown; Condition?: unknown };

/** Returns every statement of a function's own role, inline or attached. */
export function statementsOf(stacks: Synthesized, name: FunctionName): Statement[] {
  const role: string = functionsOf(stacks)[name].resource.Properties.Role['Fn::GetAtt'][0];
  const inline = stacks.app.findResources('AWS::IAM::Role')[role]?.Properties.Policies ?? [];
  const attached = Object.values(stacks.app.findResources('AWS::IAM::Policy'))
    .map(({ Properties }) => Properties)
    .filter(({ Roles }) => Roles.some((each: { Ref: string }) => each.Ref === role));
  return [...inline, ...attached].flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

export const listed = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** Returns the functions that may perform `action` on a resource whose text contains `resource`. */
export function allowed(stacks: Synthesized, action: string, resource = ''): FunctionName[] {
  return FUNCTION_NAMES.filter((name) =>
    statementsOf(stacks, name).some(
      ({ Effect, Action, Resource }) =>
        Effect === 'Allow' && listed(Action).includes(action) && JSON.stringify(Resource).includes(resource),
    ),
  );
}
