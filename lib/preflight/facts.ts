/** The result of a look-up, or why it failed. */
export type Known<T> = { value: T } | { unknown: string };

/** What preflight knows of an account, a region and a stage that may be deployed there already. */
export type Facts = {
  account: string;
  region: string;
  /** Version of `cdk bootstrap`, 0 where it has not run: in the region, and in the one of CloudFront's firewalls. */
  bootstrap: { region: Known<number>; firewallRegion: Known<number> };
  /** Concurrency that nobody has reserved, and what this stage has reserved already. */
  concurrency: Known<{ limit: number; unreserved: number; own: number }>;
  /** Status of each stack of the stage that is there. */
  stacks: Known<Readonly<Record<string, string>>>;
  /** Names that the stage needs and somebody else has. */
  taken: Known<readonly string[]>;
  /** How many there may be, and how many there are. */
  quotas: Readonly<Record<QuotaName, Known<{ limit: number; used: number }>>>;
  zones: Known<number>;
  /** Whether the region offers the version of the database. */
  engineOffered: Known<boolean>;
  /** Whether the data of a stage that is deployed already are encrypted by a key of its own. Undefined: there are no data yet. */
  ownKey: Known<boolean | undefined>;
  /** Of the certificate that the settings name. */
  certificate?: Known<{ status: string; names: readonly string[] }>;
  /** Whether the secret with the price provider's key is there. */
  priceSecret?: Known<boolean>;
  /** Of the network that the settings name: network and zone of each subnet that is there. */
  subnets?: Known<Readonly<Record<string, { vpcId: string; zone: string }>>>;
};

/** What an account may have only so many of, by the code of Service Quotas. */
export const QUOTAS = {
  vpcs: { service: 'vpc', code: 'L-F678F1CE', called: 'VPCs in the region' },
  addresses: { service: 'ec2', code: 'L-0263D0A3', called: 'elastic IP addresses in the region' },
  clusters: { service: 'rds', code: 'L-952B80B8', called: 'database clusters in the region' },
  distributions: {
    service: 'cloudfront',
    code: 'L-24B04930',
    called: 'CloudFront distributions of the account',
  },
} as const;

export type QuotaName = keyof typeof QUOTAS;
