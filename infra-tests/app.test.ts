import { expect, test } from 'vitest';
import { FIREWALL_REGION } from '../lib/constructs/edge/firewall-arn.ts';
import { mapFunctions } from '../lib/functions.ts';
import { celeriacApp } from '../lib/stacks/celeriac-app.ts';
import { STAGES, stageNamed } from '../lib/stages.ts';
import { STAGE_NAMES, synthesize, synthesized, temporary } from './testing/synthesized.ts';

// Loads the library before the tests, so that no test's time includes the loading.
for (const stage of STAGE_NAMES) synthesized(stage);

test.each(STAGE_NAMES)('two synths of %s give the same templates', (stage) => {
  const [first, second] = [synthesized(stage), synthesize(stage, temporary('again'))];
  expect(second.app.toJSON()).toEqual(first.app.toJSON());
  expect(second.data.toJSON()).toEqual(first.data.toJSON());
});

test.each(STAGE_NAMES)('synth of %s needs no account, no region and no look-up', (stage) => {
  const bundles = mapFunctions(() => import.meta.dirname);
  const assembly = celeriacApp({
    bundles,
    outdir: temporary(`unbound-${stage}`),
    context: { stage },
  }).synth();
  expect(assembly.manifest.missing ?? []).toEqual([]);
  // Excludes the firewall, because CloudFront's firewalls exist in one region only.
  const others = assembly.stacks.filter(({ stackName }) => !stackName.endsWith('-Firewall'));
  for (const { environment } of others) {
    expect(environment).toMatchObject({ account: 'unknown-account', region: 'unknown-region' });
  }
});

test.each(STAGE_NAMES)('a second deploy of %s looks at no value that AWS may have changed', (stage) => {
  const { app, data } = synthesized(stage);
  for (const template of [app, data]) {
    const looked = Object.values(template.findParameters('*')).filter((parameter) =>
      String(parameter.Type).startsWith('AWS::SSM::Parameter::'),
    );
    // The `cdk` command looks up such values, and skips a stack whose template is unchanged. Only parameters of our data
    // stack are looked up anew.
    const others = looked.filter(({ Default }) => !String(Default).startsWith('/celeriac/'));
    for (const parameter of others) expect(parameter.Description).toContain('[cdk:skip]');
  }
});

test.each(STAGE_NAMES)('%s names no region, so that it fits into any', (stage) => {
  const { app, data } = synthesized(stage);
  for (const template of [app, data]) {
    // Except for the region of CloudFront's firewalls.
    const text = JSON.stringify(template.toJSON()).replaceAll(FIREWALL_REGION, '');
    expect(text).not.toMatch(/\b(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d\b/);
  }
});

test('the stacks of two stages share no name, whatever the stages are called', () => {
  const templates = [...STAGE_NAMES.map(synthesized), synthesize('pr-12', temporary('named'))];
  const [dev, prod, further] = templates.map(({ app, data }) =>
    JSON.stringify([app.toJSON(), data.toJSON()]),
  );
  expect(dev).not.toMatch(/celeriac[-/](prod|pr-12)/i);
  expect(prod).not.toMatch(/celeriac[-/](dev|pr-12)/i);
  expect(further).not.toMatch(/celeriac[-/](prod|dev)/i);
});

test('a stage of any other name is sized as dev and keeps no data', () => {
  const further = { name: 'pr-12', ...JSON.parse(JSON.stringify(stageNamed('pr-12'))) };
  expect(further).toEqual({ ...STAGES.dev, name: 'pr-12' });
});

test('the longest name of a stage still fits into every name of 64 characters that holds it, in the longest region', () => {
  const longest = 'a'.repeat(20);
  const { app } = synthesize(longest, temporary('longest'), { firewall: 'on' });
  const names = [
    ...JSON.stringify(app.toJSON()).matchAll(/"(celeriac-a{20}-[^"]*)"(,\{"Ref":"AWS::Region"\})?/g),
  ].map(([, name = '', region]) => name.length + (region ? 'ap-southeast-2'.length : 0));
  expect(names.length).toBeGreaterThan(20);
  expect(Math.max(...names)).toBeLessThanOrEqual(64);
});

test.each(['', 'Dev', '12', 'pr_12', 'pr-', 'pr--1', '-pr', 'a'.repeat(21), 'pr 1', 'ü'])(
  'a stage cannot be called %j, which AWS would refuse in a name',
  (name) => {
    expect(() => stageNamed(name)).toThrow('The setting stage must be at most 20 characters');
  },
);

test('the command line’s stage is refused, too', () => {
  const bundles = mapFunctions(() => import.meta.dirname);
  const make = () => celeriacApp({ bundles, outdir: temporary('nowhere'), context: { stage: 'MOON' } });
  expect(make).toThrow('not "MOON"');
});

test('dev goes out by an instance, prod by a gateway in each zone', () => {
  const [dev, prod] = [synthesized('dev').data, synthesized('prod').data];
  dev.resourceCountIs('AWS::EC2::NatGateway', 0);
  dev.hasResourceProperties('AWS::EC2::Instance', { SourceDestCheck: false });
  prod.resourceCountIs('AWS::EC2::NatGateway', 2);
  prod.resourceCountIs('AWS::EC2::Instance', 0);
});

test('the instance that leads out takes traffic from the network only', () => {
  const open = synthesized('dev').data.findResources('AWS::EC2::SecurityGroup');
  const sources = Object.values(open).flatMap(({ Properties }) => Properties.SecurityGroupIngress ?? []);
  expect(sources.map(({ CidrIp }) => CidrIp)).toEqual([
    { 'Fn::GetAtt': [expect.stringContaining('Vpc'), 'CidrBlock'] },
  ]);
});
