import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { FUNCTIONS, type FunctionName } from './functions.ts';

/** Size and protection of a stage. Capacities are Aurora capacity units (about 2 GiB of memory each). */
export type Stage = {
  name: string;
  /** True when the data survive mistakes: deletion protection, final snapshot, retained buckets. */
  keepsData: boolean;
  egress: {
    /** An instance costs about a tenth of a gateway, but is a single machine that can fail. */
    by: 'nat-instance' | 'nat-gateway';
    /** One per availability zone survives the loss of a zone. */
    count: number;
  };
  database: {
    minCapacity: number;
    maxCapacity: number;
    /** Standby instances in other zones. One of them takes over when the writer is lost. */
    readers: number;
    /** Value of Postgres' `max_connections`. `maxCapacity` must be able to carry it, see `assertConnectionsSuffice`. */
    maxConnections: number;
    backupDays: number;
    /** Bytes of the largest table, with its indexes, above which an alarm is raised. */
    maxTableBytes: number;
  };
  /**
   * Maximum sandboxes, and so maximum connections that they hold. Functions behind a queue are bounded by the queue's mapping,
   * because throttling would use up receive counts. The others are bounded by reserved concurrency, which needs an account whose
   * limit leaves 100 unreserved.
   */
  concurrency: {
    functions: Record<Exclude<FunctionName, Unreserved>, number>;
    queues: Record<'interactive' | 'bulk' | 'deadLetters', number>;
  };
  dispatch: {
    /** A task that is due within this many seconds has a message. Well under SQS's maximum delay of 900 s. */
    lookaheadSeconds: number;
    /** A task whose message did not lead to a start for this many seconds gets another message. */
    resendSeconds: number;
    /** A worker that is silent for this many seconds is presumed dead, and its tasks are taken back. */
    leaseSeconds: number;
  };
  /**
   * Limits of one account, by the names in the table `quotas`. Each deployment writes them into this table. Together with the
   * workers' places (a hundred requests for each sandbox), they determine how many accounts could fill the workers with slow
   * requests.
   */
  quotas: Quotas;
  /** Requests per second, and in a burst, before API Gateway answers 429. */
  throttle: { http: Throttle; socket: Throttle };
  logs: { retention: RetentionDays; level: 'DEBUG' | 'INFO' };
  /**
   * Observability in addition to logs, traces and the metrics that AWS keeps by itself. docs/cost.md gives the cost. `dev` has
   * every alarm, but no dashboard: its developers see the tasks in the console and read the logs.
   */
  observability: {
    /** Metrics of tasks and prices to publish: all, those that alarms use, or none. With none, there are no such alarms. */
    metrics: 'all' | 'alarmed' | 'none';
    dashboard: boolean;
  };
  /**
   * True to encrypt database, artifacts and the signing secret with a key of this stage ($1 per month) instead of AWS's own.
   * Decide before there are data: a change replaces the database by an empty one, and leaves a snapshot. `npm run preflight`
   * refuses such a change.
   */
  ownKey: boolean;
  /** E-mail address for alarms. Its owner must confirm it once. Without it, only subscribers of the topic get alarms. */
  alarms: { email?: string };
  /**
   * US dollars per month for the whole account. The alarms' e-mail address gets mail about it. Without it, there is no budget.
   */
  monthlyBudget?: number;
  /**
   * An existing network to use instead of a new one. Its function subnets must lead to the internet, and its database subnets
   * must be in two zones. A gateway endpoint for S3 saves money.
   */
  vpc?:
    | { id: string; functionSubnetIds: readonly string[]; databaseSubnetIds: readonly string[] }
    | undefined;
  /**
   * True to reserve the concurrency in the table below. Without reservations, an account with a low quota can be used, but a
   * flood of requests can take every connection of the database.
   */
  reservations: boolean;
  /** Domain of the front door. Without it, the front door has the address that CloudFront gives. */
  domain?: Domain;
  /**
   * AWS WAF in front of the front door. Costs at least $5 per month, and needs `cdk bootstrap` in a second region: CloudFront's
   * firewalls are in us-east-1.
   */
  firewall: {
    on: boolean;
    /** Requests per minute from one address before the address is refused for a while. */
    requestsPerMinute: number;
    /** Registrations, logins and new tokens of one address in five minutes. Refreshed tokens do not count. */
    loginsPerFiveMinutes: number;
  };
  /** Requests from one client address (of IPv6, a /64) that the auth function allows. A firewall counts separately. */
  logins: {
    /** Logins and registrations within five minutes. */
    perAddress: number;
    /** Registrations within an hour. */
    registrationsPerAddress: number;
  };
  signingKey: {
    /** Days that a key signs. After that, it stays valid for the same time. */
    rotationDays: number;
  };
  mail: {
    /**
     * Addresses and domains that tasks may send mail from: verified identities of SES in this region. A domain stands for its
     * addresses, but not for its subdomains. Without any, every mail is refused.
     */
    senders: readonly string[];
    /**
     * Name of a secret in Secrets Manager of the same region whose text is the URL of a server of SMTP, such as
     * `smtps://user:password@smtp.example.com:465`. Mail then goes there. Without it, SES sends.
     */
    smtpUrlSecret?: string;
  };
  prices: {
    /** CoinGecko's API: api.coingecko.com, or pro-api.coingecko.com with a key of a paid plan. */
    url: string;
    /** Name of a secret in Secrets Manager of the same region whose text is the API key. Without it, no key is sent. */
    apiKeySecret?: string;
  };
};

export type Domain = {
  /** For example `tasks.example.com`. */
  name: string;
  /** A certificate for this name in us-east-1, where CloudFront looks for it. */
  certificateArn: string;
  /** The zone in Route 53 that gets the records. Without it, the owner of the domain must point the domain to the front door. */
  hostedZone?: { id: string; name: string };
};

/** Functions that are bounded by the mapping of their queue, or that a single caller calls once in a while. */
type Unreserved = 'worker' | 'dead-letters' | 'rotate-signing-key' | 'publish-console';

type Quotas = {
  /** Tasks waiting for the network (`http.request`) that run at once. */
  running_requests_of_organization: number;
  /** Tasks of this kind that one user created, in all organizations, and that run at once. */
  running_requests_of_user: number;
  /** Requests of one organization to one host, redirects included: the rate per second, and the burst after a pause. */
  requests_per_second: number;
  requests_at_once: number;
  /** Unfinished tasks. An import may bring a million tasks, and an organization has room for two such imports. */
  pending_of_organization: number;
  pending_of_user: number;
  /** The number that the database is sized for. The dispatcher counts all unfinished tasks once a minute. */
  pending_of_installation: number;
  /** Artifacts that are not removed yet: their number, and their bytes together. */
  artifacts_of_organization: number;
  artifact_bytes_of_organization: number;
  /** Recipients of one organization's mails within a day (UTC). */
  mail_recipients_per_day: number;
  /** Addresses that get no mail of one organization. Only those that a user adds are refused beyond it. */
  suppressions_of_organization: number;
};

type Throttle = { rateLimit: number; burstLimit: number };

/** 100 requests per second are enough for an integrator. The logins are those of `logins.perAddress`. */
const FIREWALL_LIMITS = { requestsPerMinute: 6_000, loginsPerFiveMinutes: 100 };

/** Settings that all stages share. */
const COMMON = {
  dispatch: { lookaheadSeconds: 180, resendSeconds: 300, leaseSeconds: 120 },
  ownKey: false,
  reservations: true,
  alarms: {},
  // An office behind one address logs in less often than every three seconds, and registers fewer than thirty people per hour.
  logins: { perAddress: 100, registrationsPerAddress: 30 },
  signingKey: { rotationDays: 90 },
  mail: { senders: [] },
  prices: { url: 'https://api.coingecko.com/api/v3' },
} as const;

export const STAGES = {
  dev: {
    ...COMMON,
    name: 'dev',
    keepsData: false,
    egress: { by: 'nat-instance', count: 1 },
    database: {
      minCapacity: 0.5,
      maxCapacity: 2,
      readers: 0,
      maxConnections: 150,
      backupDays: 1,
      maxTableBytes: 20e9,
    },
    concurrency: {
      functions: {
        auth: 5,
        session: 5,
        api: 20,
        socket: 10,
        dispatcher: 1,
        prices: 1,
        'mail-events': 2,
        migrate: 1,
        'origin-check': 5,
      },
      queues: { interactive: 4, bulk: 4, deadLetters: 2 },
    },
    // An eighth and a quarter of the places in the four sandboxes of a queue. 40 requests of 200 ms are 200 per second.
    quotas: {
      running_requests_of_organization: 40,
      running_requests_of_user: 80,
      requests_per_second: 20,
      requests_at_once: 40,
      pending_of_organization: 2_000_000,
      pending_of_user: 3_000_000,
      pending_of_installation: 10_000_000,
      artifacts_of_organization: 100_000,
      artifact_bytes_of_organization: 53_687_091_200,
      mail_recipients_per_day: 2_000,
      suppressions_of_organization: 100_000,
    },
    throttle: { http: { rateLimit: 100, burstLimit: 200 }, socket: { rateLimit: 50, burstLimit: 100 } },
    logs: { retention: RetentionDays.ONE_WEEK, level: 'DEBUG' },
    observability: { metrics: 'alarmed', dashboard: false },
    firewall: { on: false, ...FIREWALL_LIMITS },
  },
  prod: {
    ...COMMON,
    name: 'prod',
    keepsData: true,
    egress: { by: 'nat-gateway', count: 2 },
    database: {
      minCapacity: 1,
      maxCapacity: 8,
      readers: 1,
      maxConnections: 800,
      backupDays: 14,
      maxTableBytes: 200e9,
    },
    concurrency: {
      functions: {
        auth: 20,
        session: 20,
        api: 100,
        socket: 60,
        dispatcher: 1,
        prices: 1,
        'mail-events': 5,
        migrate: 1,
        'origin-check': 50,
      },
      queues: { interactive: 50, bulk: 50, deadLetters: 2 },
    },
    quotas: {
      running_requests_of_organization: 100,
      running_requests_of_user: 200,
      requests_per_second: 20,
      requests_at_once: 100,
      pending_of_organization: 2_000_000,
      pending_of_user: 3_000_000,
      pending_of_installation: 50_000_000,
      artifacts_of_organization: 1_000_000,
      artifact_bytes_of_organization: 1_099_511_627_776,
      mail_recipients_per_day: 50_000,
      suppressions_of_organization: 1_000_000,
    },
    throttle: { http: { rateLimit: 1000, burstLimit: 2000 }, socket: { rateLimit: 500, burstLimit: 1000 } },
    logs: { retention: RetentionDays.THREE_MONTHS, level: 'INFO' },
    observability: { metrics: 'all', dashboard: true },
    firewall: { on: true, ...FIREWALL_LIMITS },
  },
} as const satisfies Record<string, Stage>;

/**
 * Maximum length of a stage's name: CloudFront's names contain the stage and the region, and have at most 64 characters.
 *
 * @see accountWide in lib/constructs/edge/front-door.ts
 */
const MAX_NAME_LENGTH = 20;

const STAGE_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Returns the stage with this name. `dev` and `prod` have tables of their own. Any other name, such as `pr-12`, is a further
 * stage with the sizes of `dev`, and keeps no data.
 *
 * @throws when the name cannot be part of the names of AWS resources
 */
export function stageNamed(name: string): Stage {
  if (!STAGE_NAME.test(name) || name.length > MAX_NAME_LENGTH) {
    throw new Error(
      `The setting stage must be at most ${MAX_NAME_LENGTH} characters: lower-case letters and digits, in words ` +
        `joined by "-", the first character a letter; not "${name}"`,
    );
  }
  return new Map<string, Stage>(Object.entries(STAGES)).get(name) ?? { ...STAGES.dev, name };
}

/** Connections left for Aurora itself, for superusers and for a person who inspects the database. */
const CONNECTIONS_KEPT_FREE = 20;

/**
 * Checks that the database has enough connections. Every sandbox holds one connection. For a while after a deployment, frozen
 * sandboxes of the old version hold theirs too, so each sandbox counts twice.
 *
 * @throws when the functions could need more connections than the database has
 */
export function assertConnectionsSuffice({ name, concurrency, database }: Stage): void {
  const connecting = Object.entries(concurrency.functions).filter(
    ([fn]) => FUNCTIONS[fn as keyof typeof concurrency.functions].database,
  );
  const bounds = [...connecting.map(([, bound]) => bound), ...Object.values(concurrency.queues)];
  const sandboxes = bounds.reduce((sum, count) => sum + count, 0);
  const needed = 2 * sandboxes + CONNECTIONS_KEPT_FREE;
  if (needed < database.maxConnections) return;
  throw new Error(
    `Stage ${name} lets ${sandboxes} sandboxes run, which may need ${needed} connections; ` +
      `its database has ${database.maxConnections}`,
  );
}
