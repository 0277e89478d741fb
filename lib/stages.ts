import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { FunctionName } from './functions.ts';

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
  };
  /**
   * How many sandboxes run at most, and so how many connections they hold. What a queue feeds is bounded by the
   * queue's mapping, as throttling would burn receive counts; the rest by reserved concurrency, which needs an
   * account whose limit leaves 100 unreserved.
   */
  concurrency: {
    functions: Record<Exclude<FunctionName, 'worker' | 'dead-letters'>, number>;
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
  /** Requests per second, and in a burst, before API Gateway answers 429. */
  throttle: { http: Throttle; socket: Throttle };
  logs: { retention: RetentionDays; level: 'DEBUG' | 'INFO' };
};

type Throttle = { rateLimit: number; burstLimit: number };

export const STAGES = {
  dev: {
    name: 'dev',
    keepsData: false,
    egress: { by: 'nat-instance', count: 1 },
    database: { minCapacity: 0.5, maxCapacity: 2, readers: 0, maxConnections: 150, backupDays: 1 },
    concurrency: {
      functions: { auth: 5, api: 20, socket: 10, dispatcher: 1, prices: 1, migrate: 1 },
      queues: { interactive: 4, bulk: 4, deadLetters: 2 },
    },
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300, leaseSeconds: 30 },
    throttle: { http: { rateLimit: 100, burstLimit: 200 }, socket: { rateLimit: 50, burstLimit: 100 } },
    logs: { retention: RetentionDays.ONE_WEEK, level: 'DEBUG' },
  },
  prod: {
    name: 'prod',
    keepsData: true,
    egress: { by: 'nat-gateway', count: 2 },
    database: { minCapacity: 1, maxCapacity: 8, readers: 1, maxConnections: 800, backupDays: 14 },
    concurrency: {
      functions: { auth: 20, api: 100, socket: 60, dispatcher: 1, prices: 1, migrate: 1 },
      queues: { interactive: 50, bulk: 50, deadLetters: 2 },
    },
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300, leaseSeconds: 30 },
    throttle: { http: { rateLimit: 1000, burstLimit: 2000 }, socket: { rateLimit: 500, burstLimit: 1000 } },
    logs: { retention: RetentionDays.THREE_MONTHS, level: 'INFO' },
  },
} as const satisfies Record<string, Stage>;

/** @throws when there is no such stage, naming those there are */
export function stageNamed(name: string): Stage {
  const stage = new Map<string, Stage>(Object.entries(STAGES)).get(name);
  if (!stage) throw new Error(`No stage "${name}"; there are: ${Object.keys(STAGES).join(', ')}`);
  return stage;
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
  const bounds = [...Object.values(concurrency.functions), ...Object.values(concurrency.queues)];
  const sandboxes = bounds.reduce((sum, count) => sum + count, 0);
  const needed = 2 * sandboxes + CONNECTIONS_KEPT_FREE;
  if (needed < database.maxConnections) return;
  throw new Error(
    `Stage ${name} lets ${sandboxes} sandboxes run, which may need ${needed} connections; ` +
      `its database has ${database.maxConnections}`,
  );
}
