import { describe, expect, test } from 'vitest';
import { DATABASE_FUNCTIONS } from '../lib/functions.ts';
import { functionsOf, STAGE_NAMES, synthesized } from './synthesized.ts';

describe.each(STAGE_NAMES)('migrations of %s', (stage) => {
  const stacks = synthesized(stage);
  const functions = functionsOf(stacks);
  const versions = stacks.app.findResources('AWS::Lambda::Version');
  const triggers = Object.entries(stacks.app.findResources('Custom::Trigger')).filter(
    ([, { Properties }]) =>
      versions[Properties.HandlerArn.Ref]?.Properties.FunctionName.Ref === functions.migrate.id,
  );

  test('run once per deployment that changes them: the trigger calls a version of migrate, and waits for it', () => {
    expect(triggers).toHaveLength(1);
    const { InvocationType, Timeout } = triggers[0]?.[1].Properties ?? {};
    expect(InvocationType).toBe('RequestResponse');
    expect(Number(Timeout)).toBe(1000 * functions.migrate.resource.Properties.Timeout);
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
