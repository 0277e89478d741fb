/** The result of a look-up, or the reason why it failed. */
export type Known<T> = { value: T } | { unknown: string };

/** Facts about an account, a region and a stage that may already be deployed there. */
export type Facts = {
  account: string;
  region: string;
  /** Version of `cdk bootstrap` in the region and in the region of CloudFront's firewalls; 0 where it has not run. */
  bootstrap: { region: Known<number>; firewallRegion: Known<number> };
  /** The account's limit, the unreserved concurrency, and the concurrency that this stage has already reserved. */
  concurrency: Known<{ limit: number; unreserved: number; own: number }>;
  /** Status of each existing stack of the stage. */
  stacks: Known<Readonly<Record<string, string>>>;
  /** Names that the stage needs and that are already taken by others. */
  taken: Known<readonly string[]>;
  /** The limit and the current number of each resource with a quota. */
  quotas: Readonly<Record<QuotaName, Known<{ limit: number; used: number }>>>;
  zones: Known<number>;
  /** True when the region offers the database's version. */
  engineOffered: Known<boolean>;
  /**
   * True when the data of an already deployed stage are encrypted by a key of its own. Undefined when there are no data
   * yet.
   */
  ownKey: Known<boolean | undefined>;
  /** The certificate in the settings. */
  certificate?: Known<{ status: string; names: readonly string[] }>;
  /** True when the secret with the price provider's key exists. */
  priceSecret?: Known<boolean>;
  /** The network in the settings: network and zone of each existing subnet. */
  subnets?: Known<Readonly<Record<string, { vpcId: string; zone: string }>>>;
};

/** Resources that an account can have only a limited number of, with the codes of Service Quotas. */
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
