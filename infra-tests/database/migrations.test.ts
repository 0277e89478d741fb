import { describe, expect, test } from 'vitest';
import { DATABASE_FUNCTIONS } from '../../lib/functions.ts';
import { functionsOf, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('migrations of %s', (stage) => {
  const stacks = synthesized(stage);
  const functions = functionsOf(stacks);
  const versions = stacks.app.findResources('AWS::Lambda::Version');
  const triggers = Object.entries(stacks.app.findResources('Custom::Trigger')).filter(
    ([, { Properties }]) =>
      versions[Properties.RunsAgainFor?.[0].Ref]?.Properties.FunctionName.Ref === functions.migrate.id,
  );

  test('run once per deployment that changes them: a new version of migrate sets the trigger off, which waits for it', () => {
    expect(triggers).toHaveLength(1);
    const { InvocationType, Timeout } = triggers[0]?.[1].Properties ?? {};
    expect(InvocationType).toBe('RequestResponse');
    expect(Number(Timeout)).toBeGreaterThan(1000 * functions.migrate.resource.Properties.Timeout);
  });

  test('the limits of every function that a deployment calls are tiered: function, then its caller’s patience, then the caller', () => {
    const called = Object.values(stacks.app.findResources('Custom::Trigger'));
    expect(called).toHaveLength(2);
    for (const { Properties } of called) {
      const version = (Properties.RunsAgainFor?.[0] ?? Properties.HandlerArn).Ref;
      const handler = versions[version]?.Properties.FunctionName.Ref;
      const all = stacks.app.findResources('AWS::Lambda::Function');
      const [function_, caller] = [handler, Properties.ServiceToken['Fn::GetAtt'][0]].map(
        (id) => 1000 * all[id]?.Properties.Timeout,
      );
      expect(function_).toBeLessThanOrEqual(Number(Properties.Timeout) - 30_000);
      expect(Number(Properties.Timeout)).toBeLessThanOrEqual((caller ?? 0) - 30_000);
    }
  });

  test('run before every other function that uses the database is made or changed', () => {
    for (const name of DATABASE_FUNCTIONS.filter((other) => other !== 'migrate')) {
      expect(functions[name].resource.DependsOn).toContain(triggers[0]?.[0]);
    }
  });

  test('run when migrate can reach the database', () => {
    const group = functions.migrate.resource.Properties.VpcConfig.SecurityGroupIds[0]['Fn::GetAtt'];
    const ingress = stacks.app.findResources('AWS::EC2::SecurityGroupIngress', {
      Properties: { SourceSecurityGroupId: { 'Fn::GetAtt': group } },
    });
    const egress = stacks.app.findResources('AWS::EC2::SecurityGroupEgress', {
      Properties: { GroupId: { 'Fn::GetAtt': group } },
    });
    expect(triggers[0]?.[1].DependsOn).toEqual(
      expect.arrayContaining([...Object.keys(ingress), ...Object.keys(egress)]),
    );
  });
});
