import { expect, test } from 'vitest';
import { celeriacApp } from '../lib/celeriac-app.ts';
import { mapFunctions } from '../lib/functions.ts';
import { STAGE_NAMES, synthesize, synthesized, temporary } from './synthesized.ts';

// Loading the library takes its time, which no test should be charged with.
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
  for (const { environment } of assembly.stacks) {
    expect(environment).toMatchObject({ account: 'unknown-account', region: 'unknown-region' });
  }
});

test.each(STAGE_NAMES)('a second deploy of %s looks at no value that AWS may have changed', (stage) => {
  const { app, data } = synthesized(stage);
  for (const template of [app, data]) {
    const looked = Object.values(template.findParameters('*')).filter((parameter) =>
      String(parameter.Type).startsWith('AWS::SSM::Parameter::'),
    );
    // What the `cdk` command looks for, and then trusts that nothing has changed.
    for (const parameter of looked) expect(parameter.Description).toContain('[cdk:skip]');
  }
});

test.each(STAGE_NAMES)('%s names no region, so that it fits into any', (stage) => {
  const { app, data } = synthesized(stage);
  for (const template of [app, data]) {
    expect(JSON.stringify(template.toJSON())).not.toMatch(/\b(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d\b/);
  }
});

test('the stacks of two stages share no name', () => {
  const [dev, prod] = STAGE_NAMES.map((stage) => JSON.stringify(synthesized(stage).app.toJSON()));
  expect(dev).not.toContain('celeriac-prod');
  expect(prod).not.toContain('celeriac-dev');
});

test('an unknown stage is refused, with those there are', () => {
  const bundles = mapFunctions(() => import.meta.dirname);
  const make = () => celeriacApp({ bundles, outdir: temporary('nowhere'), context: { stage: 'moon' } });
  expect(make).toThrow('No stage "moon"; there are: dev, prod');
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
