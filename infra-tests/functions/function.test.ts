import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FUNCTION_NAMES, FUNCTIONS } from '../../lib/functions.ts';
import {
  ALL_SETTINGS,
  functionsOf,
  STAGE_NAMES,
  synthesize,
  synthesized,
  temporary,
} from '../testing/synthesized.ts';

/** Variables of each function, in addition to the variables of all functions. */
const VARIABLES = {
  auth: ['LOGINS_PER_ADDRESS', 'REGISTRATIONS_PER_ADDRESS', 'SIGNING_SECRET_ARN', 'TOKEN_ISSUER'],
  session: ['SIGNING_SECRET_ARN', 'TOKEN_ISSUER'],
  api: [
    'ARTIFACTS_BUCKET',
    'AWS_ENDPOINT_URL_S3',
    'BULK_QUEUE_URL',
    'DISPATCH_LOOKAHEAD_SECONDS',
    'DISPATCH_RESEND_SECONDS',
    'EVENT_BUS_NAME',
    'INTERACTIVE_QUEUE_URL',
    'METRICS',
    'SOCKET_ENDPOINT',
    'TOKEN_ISSUER',
  ],
  socket: ['SOCKET_ENDPOINT', 'TOKEN_IN_URL', 'TOKEN_ISSUER'],
  worker: [
    'ARTIFACTS_BUCKET',
    'AWS_ENDPOINT_URL_S3',
    'BULK_QUEUE_URL',
    'DISPATCH_LOOKAHEAD_SECONDS',
    'DISPATCH_RESEND_SECONDS',
    'EVENT_BUS_NAME',
    'INSTALLATION_URL',
    'LEASE_SECONDS',
    'INTERACTIVE_QUEUE_URL',
    'MAIL_CONFIGURATION_SET',
    'METRICS',
    'OUTBOUND_LOOPBACK',
    'OUTBOUND_NAME_SERVERS',
    'SMTP_URL',
    'SMTP_URL_SECRET',
    'SOCKET_ENDPOINT',
  ],
  'dead-letters': ['EVENT_BUS_NAME', 'METRICS', 'SOCKET_ENDPOINT'],
  dispatcher: [
    'ARTIFACTS_BUCKET',
    'AWS_ENDPOINT_URL_S3',
    'BULK_QUEUE_URL',
    'DISPATCH_LOOKAHEAD_SECONDS',
    'DISPATCH_RESEND_SECONDS',
    'EVENT_BUS_NAME',
    'INTERACTIVE_QUEUE_URL',
    'METRICS',
    'SOCKET_ENDPOINT',
  ],
  prices: [
    'INSTALLATION_URL',
    'METRICS',
    'OUTBOUND_LOOPBACK',
    'OUTBOUND_NAME_SERVERS',
    'PRICE_API_KEY',
    'PRICE_API_KEY_SECRET',
    'PRICE_PROVIDER_URL',
  ],
  'mail-events': [],
  migrate: ['DATABASE_SECRET_ARN', 'MAIL_SENDERS', 'QUOTAS'],
  'origin-check': ['ORIGIN_SECRET_ARN'],
  'rotate-signing-key': ['SIGNING_SECRET_ARN'],
  'publish-console': ['CONSOLE_BUCKET'],
};
const OF_THE_DATABASE = ['DATABASE_CA_FILE', 'DATABASE_URL'];
const COMMON = ['NODE_OPTIONS', 'POWERTOOLS_LOG_LEVEL', 'POWERTOOLS_SERVICE_NAME', 'STAGE'];

describe.each(STAGE_NAMES)('functions of %s', (stage) => {
  const stacks = synthesized(stage);
  const functions = functionsOf(stacks);
  const withAllSettings = synthesize(stage, temporary(`all-${stage}`), ALL_SETTINGS);

  describe.each(FUNCTION_NAMES)('%s', (name) => {
    const { Properties, Metadata } = functions[name].resource;

    test(`is ${name === 'worker' ? 'not ' : ''}stopped by loop detection`, () => {
      expect(Properties.RecursiveLoop).toBe(name === 'worker' ? 'Allow' : undefined);
    });

    test('has exactly the environment that its handler reads', () => {
      expect(Object.keys(Properties.Environment.Variables).toSorted()).toEqual(
        [...COMMON, ...(FUNCTIONS[name].database ? OF_THE_DATABASE : []), ...VARIABLES[name]].toSorted(),
      );
    });

    test('runs on Node 24 and arm64, and says where in the source an error arose', () => {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
      });
      expect(Properties.Environment.Variables.NODE_OPTIONS).toContain('--enable-source-maps');
    });

    test('logs JSON, which is deleted after a while', () => {
      const { LogFormat, LogGroup } = Properties.LoggingConfig;
      expect(LogFormat).toBe('JSON');
      const group = stacks.app.findResources('AWS::Logs::LogGroup')[LogGroup.Ref];
      expect(group?.Properties.RetentionInDays).toBeGreaterThan(0);
    });

    test('records traces across queues', () => {
      expect(Properties.TracingConfig.Mode).toBe('Active');
    });

    test('lies in the network if it uses the database, and outside if it does not', () => {
      if (!FUNCTIONS[name].database) return expect(Properties).not.toHaveProperty('VpcConfig');
      expect(Properties.VpcConfig.SubnetIds).toHaveLength(2);
      const group = Properties.VpcConfig.SecurityGroupIds[0]['Fn::GetAtt'];
      for (const [type, key] of [
        ['AWS::EC2::SecurityGroupIngress', 'SourceSecurityGroupId'],
        ['AWS::EC2::SecurityGroupEgress', 'GroupId'],
      ] as const) {
        const rules = stacks.app.findResources(type, { Properties: { [key]: { 'Fn::GetAtt': group } } });
        expect(
          Object.values(rules).map((rule) => [rule.Properties.FromPort, rule.Properties.ToPort]),
        ).toEqual([[5432, 5432]]);
      }
    });

    test('has its code in the assembly, where its metadata says', () => {
      expect(existsSync(join(stacks.directory, Metadata['aws:asset:path'], 'index.mjs'))).toBe(true);
    });
  });

  test('logs of functions that the library adds are deleted after a while, too', () => {
    for (const { app } of [stacks, withAllSettings]) {
      const groups = app.findResources('AWS::Logs::LogGroup');
      for (const { Properties } of Object.values(app.findResources('AWS::Lambda::Function'))) {
        const group = groups[Properties.LoggingConfig.LogGroup.Ref];
        expect(group?.Properties.RetentionInDays).toBeGreaterThan(0);
      }
    }
  });

  test('no log is kept for ever', () => {
    for (const template of [stacks.app, stacks.data]) {
      const groups = Object.values(template.findResources('AWS::Logs::LogGroup'));
      expect(groups).not.toEqual([]);
      for (const { Properties } of groups) expect(Properties.RetentionInDays).toBeGreaterThan(0);
    }
  });

  test('settings that are dangerous outside a laptop are refused', () => {
    const variables = FUNCTION_NAMES.map((name) => functions[name].resource.Properties.Environment.Variables);
    for (const { OUTBOUND_LOOPBACK, TOKEN_IN_URL } of variables) {
      expect([OUTBOUND_LOOPBACK ?? 'refused', TOKEN_IN_URL ?? 'refused']).toEqual(['refused', 'refused']);
    }
  });

  test('no invocation outlives the API that waits for it', () => {
    const timeout = (name: 'auth' | 'api' | 'socket') => functions[name].resource.Properties.Timeout;
    expect(timeout('auth')).toBeLessThan(30);
    expect(timeout('api')).toBeLessThan(30);
    expect(timeout('socket')).toBeLessThan(29);
  });
});
