import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { FUNCTIONS, type FunctionName } from './functions.ts';

/** How a stage is sized and guarded. Capacities are Aurora capacity units (about 2 GiB of memory each). */
export type Stage = {
  name: string;
  /** Whether data and the things that hold it outlive a mistake: deletion protection, final snapshot, retained buckets. */
  keepsData: boolean;
  egress: {
    /** An instance costs about a tenth of a gateway, and is one machine that can fail. */
    by: 'nat-instance' | 'nat-gateway';
    /** One per availability zone survives the loss of a zone. */
    count: number;
  };
  database: {
    minCapacity: number;
    maxCapacity: number;
    /** Standby instances in other zones, which take over when the writer is lost. */
    readers: number;
    /** Set as Postgres' `max_connections`; what `maxCapacity` can bear, see `assertConnectionsSuffice`. */
    maxConnections: number;
    backupDays: number;
    /** Bytes of the largest table, with its indexes, above which somebody is told. */
    maxTableBytes: number;
  };
  /**
   * How many sandboxes run at most, and so how many connections they hold. What a queue feeds is bounded by the
   * queue's mapping, as throttling would burn receive counts; the rest by reserved concurrency, which needs an
   * account whose limit leaves 100 unreserved.
   */
  concurrency: {
    functions: Record<Exclude<FunctionName, Unreserved>, number>;
    queues: Record<'interactive' | 'bulk' | 'deadLetters', number>;
  };
  dispatch: {
    /** A task due within this many seconds has a message; well under SQS's 900 s of delay. */
    lookaheadSeconds: number;
    /** A task whose message did not lead to a start for this long gets another. */
    resendSeconds: number;
    /** A worker that is silent for this long is presumed dead, and its tasks are taken back. */
    leaseSeconds: number;
  };
  /**
   * What one account may use, by the names in the table `quotas`. Each deployment writes them there. Together with the places of the
   * workers (a hundred requests for each sandbox) they decide how many accounts it takes to fill the workers with slow requests.
   */
  quotas: Quotas;
  /** Requests per second, and in a burst, before API Gateway answers 429. */
  throttle: { http: Throttle; socket: Throttle };
  logs: { retention: RetentionDays; level: 'DEBUG' | 'INFO' };
  /**
   * What is shown beside logs, traces and the metrics that AWS keeps by itself; docs/cost.md says for how much. `dev`
   * has every alarm, and does without what only draws: who works on it sees its tasks in the console, and has its logs open.
   */
  observability: {
    /** Which metrics the functions publish of tasks and prices: all, those that alarms listen to, or none and no such alarms. */
    metrics: 'all' | 'alarmed' | 'none';
    dashboard: boolean;
  };
  /**
   * Whether database, artifacts and the signing secret are encrypted by a key of this stage ($1 a month) instead of AWS's own. Decide
   * before there are data: a change replaces the database by an empty one, and leaves a snapshot. `npm run preflight` refuses it.
   */
  ownKey: boolean;
  /** Who hears of alarms by e-mail, after confirming it once. Without, nobody until somebody subscribes to the topic. */
  alarms: { email?: string };
  /** US dollars of the whole account in a month, of which the alarms' e-mail hears. Without, nobody counts. */
  monthlyBudget?: number;
  /**
   * A network that is there already, in place of one that is made. Its function subnets must lead to the internet, its database
   * subnets lie in two zones, and S3's gateway endpoint spares money.
   */
  vpc?:
    | { id: string; functionSubnetIds: readonly string[]; databaseSubnetIds: readonly string[] }
    | undefined;
  /**
   * Whether functions get the concurrency that the table below says. Without, an account with a low quota can be deployed to, but a
   * flood of requests can then take every connection of the database.
   */
  reservations: boolean;
  /** Where people find it. Without, at the address that CloudFront gives. */
  domain?: Domain;
  /**
   * AWS WAF before the front door. Costs from $5 a month, and a second region in which `cdk bootstrap` must have run:
   * CloudFront's firewalls live in us-east-1.
   */
  firewall: {
    on: boolean;
    /** Requests of one address in a minute, before the address is refused for a while. */
    requestsPerMinute: number;
    /** Registrations, logins and new tokens of one address in five minutes. Refreshed tokens do not count. */
    loginsPerFiveMinutes: number;
  };
  /** What one client address may do before the auth function refuses it; of IPv6 a /64. The firewall, where it is on, counts beside. */
  logins: {
    /** Logins and registrations within five minutes. */
    perAddress: number;
    /** Registrations within an hour. */
    registrationsPerAddress: number;
  };
  signingKey: {
    /** A key signs for this long, and is then believed for as long again. */
    rotationDays: number;
  };
  prices: {
    /** CoinGecko's API: api.coingecko.com, or pro-api.coingecko.com with a key of a paid plan. */
    url: string;
    /** Name of a secret in Secrets Manager, of the same region, whose text is the API key. Without, none is sent. */
    apiKeySecret?: string;
  };
};

export type Domain = {
  /** e.g. `tasks.example.com` */
  name: string;
  /** A certificate of that name in us-east-1, where CloudFront looks for it. */
  certificateArn: string;
  /** The zone in Route 53 that gets the records. Without, whoever keeps the domain points it at the front door. */
  hostedZone?: { id: string; name: string };
};

/** Fed by queues, whose mappings bound them; or called once in a while by one caller. */
type Unreserved = 'worker' | 'dead-letters' | 'rotate-signing-key' | 'publish-console';

type Quotas = {
  /** Tasks that wait for the network (`http.request`) that run at once. */
  running_requests_of_organization: number;
  /** The same of the tasks that one user created, in all organizations. */
  running_requests_of_user: number;
  /** Requests of one organization to one host, redirects included: so many a second, and so many at once after a pause. */
  requests_per_second: number;
  requests_at_once: number;
  /** Tasks that have not ended. An import may bring a million, and so one organization has room for two. */
  pending_of_organization: number;
  pending_of_user: number;
  /** What the database is sized for; the dispatcher counts all of them once a minute. */
  pending_of_installation: number;
};

type Throttle = { rateLimit: number; burstLimit: number };

/** An office behind one address logs in less than once in three seconds, and does not register thirty people in an hour. */
const LOGIN_LIMITS = { perAddress: 100, registrationsPerAddress: 30 };

/** 100 requests a second suit an integrator. Logins are as in `LOGIN_LIMITS`. */
const FIREWALL_LIMITS = { requestsPerMinute: 6_000, loginsPerFiveMinutes: 100 };

export const STAGES = {
  dev: {
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
        migrate: 1,
        'origin-check': 5,
      },
      queues: { interactive: 4, bulk: 4, deadLetters: 2 },
    },
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300, leaseSeconds: 120 },
    // An eighth and a quarter of what the four sandboxes of a queue have places for. 40 requests of 200 ms are 200 a second.
    quotas: {
      running_requests_of_organization: 40,
      running_requests_of_user: 80,
      requests_per_second: 20,
      requests_at_once: 40,
      pending_of_organization: 2_000_000,
      pending_of_user: 3_000_000,
      pending_of_installation: 10_000_000,
    },
    throttle: { http: { rateLimit: 100, burstLimit: 200 }, socket: { rateLimit: 50, burstLimit: 100 } },
    logs: { retention: RetentionDays.ONE_WEEK, level: 'DEBUG' },
    observability: { metrics: 'alarmed', dashboard: false },
    ownKey: false,
    reservations: true,
    alarms: {},
    firewall: { on: false, ...FIREWALL_LIMITS },
    logins: LOGIN_LIMITS,
    signingKey: { rotationDays: 90 },
    prices: { url: 'https://api.coingecko.com/api/v3' },
  },
  prod: {
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
        migrate: 1,
        'origin-check': 50,
      },
      queues: { interactive: 50, bulk: 50, deadLetters: 2 },
    },
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300, leaseSeconds: 120 },
    quotas: {
      running_requests_of_organization: 100,
      running_requests_of_user: 200,
      requests_per_second: 20,
      requests_at_once: 100,
      pending_of_organization: 2_000_000,
      pending_of_user: 3_000_000,
      pending_of_installation: 50_000_000,
    },
    throttle: { http: { rateLimit: 1000, burstLimit: 2000 }, socket: { rateLimit: 500, burstLimit: 1000 } },
    logs: { retention: RetentionDays.THREE_MONTHS, level: 'INFO' },
    observability: { metrics: 'all', dashboard: true },
    ownKey: false,
    reservations: true,
    alarms: {},
    firewall: { on: true, ...FIREWALL_LIMITS },
    logins: LOGIN_LIMITS,
    signingKey: { rotationDays: 90 },
    prices: { url: 'https://api.coingecko.com/api/v3' },
  },
} as const satisfies Record<string, Stage>;

/**
 * Longest name of a stage: CloudFront's names hold the stage and the region, and end at 64 characters.
 *
 * @see accountWide in lib/constructs/edge/front-door.ts
 */
const MAX_NAME_LENGTH = 20;

const STAGE_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * The stage of that name. `dev` and `prod` have a table of their own. Any other name, such as `pr-12`, is a further stage with the
 * sizes of `dev`: it keeps no data.
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

/** Connections left to Aurora itself, to superusers and to a person who looks into something. */
const CONNECTIONS_KEPT_FREE = 20;

/**
 * Every sandbox holds one connection, and for a while after a deployment the frozen sandboxes of the old version
 * hold theirs beside the new ones: hence twice.
 *
 * @throws when the database could be asked for more connections than it has
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
