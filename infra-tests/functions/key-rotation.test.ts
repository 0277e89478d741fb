import { describe, expect, test } from 'vitest';
import { functionsOf, listed, STAGE_NAMES, statementsOf, synthesized } from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('signing key of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const functions = functionsOf(stacks);
  const rotator = functions['rotate-signing-key'];
  const secret = functions.auth.resource.Properties.Environment.Variables.SIGNING_SECRET_ARN;
  const [schedule] = Object.values(app.findResources('AWS::SecretsManager::RotationSchedule'));

  test('is renewed at least every quarter, and not by the deployment itself', () => {
    const { SecretId, RotationLambdaARN, RotationRules, RotateImmediatelyOnUpdate } =
      schedule?.Properties ?? {};
    expect(SecretId).toEqual(secret);
    expect(RotationLambdaARN).toEqual({ 'Fn::GetAtt': [rotator.id, 'Arn'] });
    expect(RotationRules.AutomaticallyAfterDays).toBeLessThanOrEqual(92);
    expect(RotateImmediatelyOnUpdate).toBe(false);
  });

  test('is renewed by a function that may do that to this secret and nothing else, and has no network', () => {
    const allowed = statementsOf(stacks, 'rotate-signing-key').filter(
      ({ Action }) => !listed(Action).some((action) => /^(logs|xray|sqs):/.test(action)),
    );
    expect(allowed).toEqual([
      {
        Effect: 'Allow',
        Action: [
          'secretsmanager:DescribeSecret',
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        Resource: secret,
      },
    ]);
    expect(rotator.resource.Properties).not.toHaveProperty('VpcConfig');
  });

  test('may be invoked by Secrets Manager only, for this secret, before the schedule is created', () => {
    const [id, permission] =
      Object.entries(
        app.findResources('AWS::Lambda::Permission', {
          Properties: { Principal: 'secretsmanager.amazonaws.com' },
        }),
      )[0] ?? [];
    expect(permission?.Properties).toMatchObject({
      FunctionName: { 'Fn::GetAtt': [rotator.id, 'Arn'] },
      SourceArn: secret,
      SourceAccount: { Ref: 'AWS::AccountId' },
    });
    expect(schedule?.DependsOn).toContain(id);
  });
});
