import { quoted, type UnitPrice } from './unit-price.ts';

const MILLION = 1e6;

/** Everything that this stack, or a cheaper form of it, uses. */
const TABLE = {
  auroraAcuHours: {
    what: 'Aurora Serverless v2 capacity',
    unit: 'ACU-hour',
    quotes: quoted([0.12, 'aws-toolkit'], [0.14, 'list-eu-1']),
  },
  auroraGbMonths: {
    what: 'Aurora storage',
    unit: 'GB-month',
    quotes: quoted([0.1, 'aws-toolkit'], [0.119, 'list-eu-1']),
  },
  auroraIos: {
    what: 'Aurora storage I/O',
    unit: 'I/O',
    per: MILLION,
    quotes: quoted([0.2, 'aws-toolkit'], [0.22, 'list-eu-1']),
  },
  auroraBackupGbMonths: {
    what: 'Aurora backups beyond one day',
    unit: 'GB-month',
    quotes: quoted([0.021, 'unconfirmed'], [0.023, 'unconfirmed']),
  },
  natInstanceHours: {
    what: 'NAT instance (t4g.nano)',
    unit: 'hour',
    quotes: quoted([0.0042, 'us-instances'], [0.0048, 'list-eu-2']),
  },
  diskGbMonths: {
    what: 'disk of the NAT instance (gp3)',
    unit: 'GB-month',
    quotes: quoted([0.08, 'list-us-1'], [0.0952, 'list-eu-1']),
  },
  natGatewayHours: {
    what: 'NAT gateway',
    unit: 'hour',
    quotes: quoted([0.045, 'list-us-1'], [0.052, 'list-eu-1']),
  },
  natGatewayGb: {
    what: 'data through the NAT gateway',
    unit: 'GB',
    quotes: quoted([0.045, 'list-us-1'], [0.052, 'list-eu-1']),
  },
  publicIpHours: {
    what: 'public IPv4 address',
    unit: 'hour',
    quotes: quoted([0.005, 'list-us-1'], [0.005, 'list-eu-1']),
  },
  interfaceEndpointHours: {
    what: 'VPC interface endpoint, per zone',
    unit: 'hour',
    quotes: quoted([0.01, 'unconfirmed'], [0.012, 'unconfirmed']),
  },
  internetGb: {
    what: 'data out to the internet',
    unit: 'GB',
    free: 100,
    quotes: quoted([0.09, 'aws-apigw'], [0.09, 'list-eu-1']),
  },
  lambdaRequests: {
    what: 'Lambda requests',
    unit: 'request',
    per: MILLION,
    free: MILLION,
    quotes: quoted([0.2, 'list-us-2'], [0.2, 'list-london']),
  },
  lambdaGbSeconds: {
    what: 'Lambda time (arm64)',
    unit: 'GB-second',
    per: MILLION,
    free: 400_000,
    quotes: quoted([13.3334, 'list-london'], [13.3334, 'list-london']),
  },
  httpRequests: {
    what: 'HTTP API requests',
    unit: 'request',
    per: MILLION,
    quotes: quoted([1, 'aws-apigw'], [1.2, 'unconfirmed']),
  },
  socketMessages: {
    what: 'WebSocket messages',
    unit: 'message',
    per: MILLION,
    quotes: quoted([1, 'aws-apigw'], [1.2, 'unconfirmed']),
  },
  socketMinutes: {
    what: 'WebSocket connection minutes',
    unit: 'minute',
    per: MILLION,
    quotes: quoted([0.25, 'aws-apigw'], [0.285, 'unconfirmed']),
  },
  sqsRequests: {
    what: 'SQS requests',
    unit: 'request',
    per: MILLION,
    free: MILLION,
    quotes: quoted([0.4, 'guide-sqs'], [0.4, 'list-london']),
  },
  sqsFairRequests: {
    what: 'SQS surcharge for fair queues',
    unit: 'request',
    per: MILLION,
    quotes: quoted([0.1, 'guide-sqs'], [0.1, 'unconfirmed']),
  },
  busEvents: {
    what: 'EventBridge custom events',
    unit: 'event',
    per: MILLION,
    quotes: quoted([1, 'list-us-2'], [1, 'guide-events']),
  },
  logGb: {
    what: 'CloudWatch Logs, written',
    unit: 'GB',
    free: 5,
    quotes: quoted([0.5, 'list-us-1'], [0.63, 'list-eu-1']),
  },
  logGbMonths: {
    what: 'CloudWatch Logs, kept',
    unit: 'GB-month',
    quotes: quoted([0.03, 'list-us-1'], [0.0324, 'list-eu-1']),
  },
  alarms: {
    what: 'CloudWatch alarms',
    unit: 'alarm',
    free: 10,
    quotes: quoted([0.1, 'guide-cloudwatch'], [0.1, 'list-eu-1']),
  },
  metrics: {
    what: 'CloudWatch custom metrics',
    unit: 'metric',
    free: 10,
    quotes: quoted([0.3, 'guide-cloudwatch'], [0.3, 'list-eu-1']),
  },
  dashboards: {
    what: 'CloudWatch dashboards',
    unit: 'dashboard',
    free: 3,
    quotes: quoted([3, 'guide-cloudwatch'], [3, 'unconfirmed']),
  },
  traces: {
    what: 'X-Ray traces',
    unit: 'trace',
    per: MILLION,
    free: 100_000,
    quotes: quoted([5, 'unconfirmed'], [5, 'unconfirmed']),
  },
  secrets: {
    what: 'secrets in Secrets Manager',
    unit: 'secret',
    quotes: quoted([0.4, 'list-us-1'], [0.4, 'list-eu-1']),
  },
  kmsKeys: {
    what: 'KMS keys',
    unit: 'key',
    quotes: quoted([1, 'guide-kms'], [1, 'list-london']),
  },
  hostedZones: {
    what: 'Route 53 hosted zones',
    unit: 'zone',
    quotes: quoted([0.5, 'list-london'], [0.5, 'list-london']),
  },
  cdnRequests: {
    what: 'CloudFront HTTPS requests',
    unit: 'request',
    per: MILLION,
    free: 10 * MILLION,
    quotes: quoted([1, 'unconfirmed'], [1.2, 'list-london']),
  },
  cdnGb: {
    what: 'CloudFront data out',
    unit: 'GB',
    free: 1000,
    quotes: quoted([0.085, 'unconfirmed'], [0.085, 'list-london']),
  },
  cdnFunctionCalls: {
    what: 'CloudFront Functions',
    unit: 'call',
    per: MILLION,
    free: 2 * MILLION,
    quotes: quoted([0.1, 'list-london'], [0.1, 'list-london']),
  },
  wafAcls: {
    what: 'WAF web ACL',
    unit: 'ACL',
    quotes: quoted([5, 'guide-waf'], [5, 'guide-waf']),
  },
  wafRules: {
    what: 'WAF rules',
    unit: 'rule',
    quotes: quoted([1, 'guide-waf'], [1, 'guide-waf']),
  },
  wafRequests: {
    what: 'requests seen by WAF',
    unit: 'request',
    per: MILLION,
    quotes: quoted([0.6, 'guide-waf'], [0.6, 'guide-waf']),
  },
  rdsHours: {
    what: 'RDS Postgres db.t4g.small',
    unit: 'hour',
    quotes: quoted([0.032, 'unconfirmed'], [0.037, 'list-eu-1']),
  },
  rdsGbMonths: {
    what: 'RDS storage (gp3)',
    unit: 'GB-month',
    quotes: quoted([0.115, 'list-us-1'], [0.137, 'list-eu-1']),
  },
} as const satisfies Record<string, Omit<UnitPrice, 'per'> & { per?: number }>;

export type PriceName = keyof typeof TABLE;
export const PRICE_NAMES = Object.keys(TABLE) as readonly PriceName[];

/** The prices. A price is for one unit unless the table says otherwise. */
export const PRICES = Object.fromEntries(
  Object.entries(TABLE).map(([name, price]) => [name, { per: 1, ...price }]),
) as Record<PriceName, UnitPrice>;
