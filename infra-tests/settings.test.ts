import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { Settings } from '../lib/stage-settings.ts';
import {
  ALL_SETTINGS,
  allowed,
  appOf,
  functionsOf,
  STAGE_NAMES,
  synthesize,
  synthesized,
  temporary,
} from './synthesized.ts';

describe('everything that may be said at deployment', () => {
  const stacks = synthesize('prod', temporary('all'), ALL_SETTINGS);
  const { app } = stacks;

  test('the domain is the front door’s, with its certificate, and its records point there', () => {
    app.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        Aliases: ['tasks.example.com'],
        ViewerCertificate: {
          AcmCertificateArn: ALL_SETTINGS.certificateArn,
          MinimumProtocolVersion: 'TLSv1.2_2021',
        },
      },
    });
    const records = Object.values(app.findResources('AWS::Route53::RecordSet')).map(
      ({ Properties }) => Properties,
    );
    expect(records.map(({ Name, Type }) => [Name, Type]).toSorted()).toEqual([
      ['tasks.example.com.', 'A'],
      ['tasks.example.com.', 'AAAA'],
    ]);
    expect(app.findOutputs('ConsoleUrl').ConsoleUrl?.Value).toBe('https://tasks.example.com/');
    expect(functionsOf(stacks).auth.resource.Properties.Environment.Variables.TOKEN_ISSUER).toBe(
      'https://tasks.example.com',
    );
  });

  test('alarms are mailed', () => {
    app.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'on-call@example.com',
    });
  });

  test('the price provider’s key is read from its secret, by prices alone, and stands nowhere else', () => {
    const { Variables } = functionsOf(stacks).prices.resource.Properties.Environment;
    expect([Variables.PRICE_API_KEY, Variables.PRICE_API_KEY_SECRET]).toEqual(['', 'coingecko']);
    expect(allowed(stacks, 'secretsmanager:GetSecretValue', ':secret:coingecko-')).toEqual(['prices']);
  });

  test('the firewall stands in us-east-1 and before the front door, whatever region the rest is in', () => {
    const assembly = appOf('prod', temporary('firewall'), ALL_SETTINGS).synth();
    const firewall = assembly.getStackByName('Celeriac-prod-Firewall');
    expect(firewall.environment.region).toBe('us-east-1');
    const template = Template.fromJSON(firewall.template);
    template.hasResourceProperties('AWS::WAFv2::WebACL', { Scope: 'CLOUDFRONT' });
    const application = assembly.getStackByName('Celeriac-prod-App');
    expect(application.environment.region).toBe('unknown-region');
    expect(application.dependencies.map(({ id }) => id)).toContain('Celeriac-prod-Firewall');
    const [parameter] = Object.values(template.findResources('AWS::SSM::Parameter'));
    const [reader] = Object.keys(app.findResources('Custom::AWS'));
    expect(JSON.stringify(app.findResources('Custom::AWS'))).toContain(parameter?.Properties.Name);
    app.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: { WebACLId: { 'Fn::GetAtt': [reader, 'Parameter.Value'] } },
    });
  });
});

// Loading the library takes its time, which no test should be charged with.
for (const stage of STAGE_NAMES) synthesized(stage);

test('without any, there is no firewall, domain, mail or key, and nothing asks for them', () => {
  for (const stage of STAGE_NAMES) {
    const { app } = synthesized(stage);
    for (const type of ['AWS::SNS::Subscription', 'AWS::Route53::RecordSet', 'Custom::AWS']) {
      app.resourceCountIs(type, 0);
    }
    expect(
      Object.values(app.toJSON().Parameters ?? {}).filter((parameter) => !Object(parameter).Default),
    ).toEqual([]);
  }
});

const MALFORMED: [Settings, string][] = [
  [{ domainName: 'tasks.example.com' }, 'A domain needs both settings'],
  [{ certificateArn: 'arn:aws:acm:us-east-1:1:certificate/x' }, 'A domain needs both settings'],
  [
    { domainName: 'tasks.example.com', certificateArn: 'arn:aws:acm:eu-central-1:1:certificate/x' },
    'must be of a certificate in us-east-1',
  ],
  [
    {
      domainName: 'tasks.example.com',
      certificateArn: 'arn:aws:acm:us-east-1:1:certificate/x',
      hostedZoneId: 'Z1',
    },
    'A hosted zone needs both settings',
  ],
  [{ firewall: 'yes' }, 'must be "on" or "off"'],
];

test.each(MALFORMED)('%j is refused', (settings, why) => {
  expect(() => appOf('dev', temporary('malformed'), settings)).toThrow(why);
});

test('the documentation says how much of the account’s concurrency each stage reserves, and names every setting', () => {
  const documentation = readFileSync(join(import.meta.dirname, '..', 'docs', 'aws.md'), 'utf8');
  const [dev, prod] = (['dev', 'prod'] as const).map((stage) =>
    Object.values(functionsOf(synthesized(stage))).reduce(
      (sum, { resource }) => sum + (resource.Properties.ReservedConcurrentExecutions ?? 0),
      0,
    ),
  );
  expect(documentation).toContain(`(\`dev\` ${dev}, \`prod\` ${prod})`);
  for (const setting of Object.keys(ALL_SETTINGS)) expect(documentation).toContain(`\`${setting}\``);
});
