import { setTimeout as sleep } from 'node:timers/promises';
import { type SqsRequests, sqsRequests } from '../../emulators/sqs/sqs-requests.ts';
import { withConnection } from '../../postgres/connection.ts';
import { StartFailure } from '../../process/start-failure.ts';
import type { Deployment } from '../../template/deployment.ts';
import type { Backing, DatabaseServer } from '../backing.ts';
import { startGatewayProcesses } from '../redis/gateway-processes.ts';
import { connectRedis } from '../redis/redis-client.ts';
import { eventDeliveries } from './event-deliveries.ts';
import { provision } from './provision.ts';

/** Addresses of the services of compose.yaml, or of equivalent services. */
export interface Addresses {
  /** An AWS emulator with SQS, EventBridge and S3; without a trailing slash. */
  readonly aws: string;
  readonly redis: string;
  /** URL with a role that may create databases and roles. Its database is used only to connect. */
  readonly postgres: string;
  /** Number of WebSocket gateway processes. */
  readonly gateways: number;
}

/** The addresses that compose.yaml publishes. */
export const COMPOSE: Addresses = {
  aws: 'http://127.0.0.1:4566',
  redis: 'redis://127.0.0.1:6379',
  postgres: 'postgres://postgres:postgres@127.0.0.1:5432/postgres',
  gateways: 2,
};

/** The migrations use `grant … with inherit`, which needs Postgres 16. */
const OLDEST_POSTGRES = 16;

/**
 * Seconds of a long poll. LocalStack gives messages to a poll of a dead client, and they stay hidden for the visibility
 * timeout. After a `kill -9` these polls must have ended before the next start is ready.
 */
export const LONG_POLL_SECONDS = 2;

/** Seconds to wait for each service: enough for a `docker compose up` in another window. */
const WAIT_SECONDS = 60;

/**
 * Returns a backing on LocalStack, Redis and Postgres.
 *
 * @throws {StartFailure} when one of them does not answer
 */
export async function localStackBacking(addresses: Addresses, log: (line: string) => void): Promise<Backing> {
  const { aws, redis, gateways } = addresses;
  const database = databaseServer(addresses.postgres);
  const services: Service[] = [
    { what: 'an AWS emulator', address: aws, variable: 'AWS_ENDPOINT_URL', attempt: () => listQueues(aws) },
    {
      what: 'Redis',
      address: redis,
      variable: 'REDIS_URL',
      attempt: async () => (await connectRedis(redis)).destroy(),
    },
    {
      what: 'Postgres',
      address: withoutPassword(database.url()),
      variable: 'POSTGRES_URL',
      attempt: () => checkPostgres(database.url()),
    },
  ];
  await Promise.all(services.map((service) => answering(service, log)));
  let deployed: Deployment | undefined;
  const requests = mending(sqsRequests(aws), async () => {
    log('the AWS emulator has lost its queues: making them again');
    if (deployed) await provision(aws, deployed);
  });
  return {
    database,
    queuesEndpoint: aws,
    endpoints: {
      AWS_ENDPOINT_URL_SQS: aws,
      AWS_ENDPOINT_URL_EVENTBRIDGE: aws,
      AWS_ENDPOINT_URL_S3: aws,
    },
    create: async (deployment) => {
      deployed = deployment;
      await provision(aws, deployment);
    },
    deliveries: (options) => eventDeliveries({ ...options, requests, endpoint: aws }),
    openSockets: ({ api, lambdaEndpoint }) =>
      startGatewayProcesses({ api, lambdaEndpoint, redisUrl: redis, count: gateways, log }),
    sqsRequestCounts: () => ({}),
  };
}

/**
 * Adapts SQS requests to LocalStack: shortens the polls, and creates queues again that LocalStack lost by a restart.
 */
function mending(requests: SqsRequests, mend: () => Promise<void>): SqsRequests {
  let mended: Promise<void> | undefined;
  return {
    ...requests,
    receive: async (queueUrl, poll) => {
      try {
        const waitSeconds = Math.min(poll.waitSeconds, LONG_POLL_SECONDS);
        return await requests.receive(queueUrl, { ...poll, waitSeconds });
      } catch (error) {
        if (!(error instanceof Error && /QueueDoesNotExist|NonExistentQueue/.test(error.message)))
          throw error;
        // Every poller notices the loss at the same time; only one of them creates the queues.
        mended ??= mend().finally(() => {
          mended = undefined;
        });
        await mended;
        return [];
      }
    },
  };
}

function databaseServer(address: string): DatabaseServer {
  const given = new URL(address);
  return {
    host: given.hostname,
    port: Number(given.port || 5432),
    user: decodeURIComponent(given.username),
    password: decodeURIComponent(given.password),
    url: (database) => {
      const url = new URL(given);
      if (database) url.pathname = `/${encodeURIComponent(database)}`;
      return url.href;
    },
  };
}

/** A service, the variable that names its address, and a request that shows that it answers. */
type Service = { what: string; address: string; variable: string; attempt: () => Promise<unknown> };

/** Waits until `attempt` succeeds. @throws {StartFailure} when it does not succeed in time, or at once for `Unfit` */
async function answering(
  { what, address, variable, attempt }: Service,
  log: (line: string) => void,
): Promise<void> {
  const deadline = Date.now() + WAIT_SECONDS * 1000;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await attempt();
      return;
    } catch (cause) {
      if (cause instanceof Unfit) throw new StartFailure(cause.message, { cause });
      if (Date.now() > deadline) {
        const hint = `start local/compose.yaml, or set ${variable}`;
        throw new StartFailure(`${what} does not answer at ${address} (${hint}): ${reasonIn(cause)}`, {
          cause,
        });
      }
    }
    if (isFirst) log(`waiting for ${what} at ${address}`);
    await sleep(500);
  }
}

async function listQueues(endpoint: string): Promise<void> {
  const response = await fetch(`${endpoint}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' },
    body: '{}',
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`SQS answered ${response.status}`);
}

/** The service answers but cannot be used. Waiting would not help. */
class Unfit extends Error {}

/** @throws {Unfit} when the server is too old */
async function checkPostgres(url: string): Promise<void> {
  await withConnection(url, async (sql) => {
    const [row] = await sql<
      { version: number }[]
    >`select current_setting('server_version_num')::int as version`;
    const major = Math.floor((row?.version ?? 0) / 10_000);
    if (major < OLDEST_POSTGRES)
      throw new Unfit(`Postgres must be ${OLDEST_POSTGRES} or newer, not ${major} (set POSTGRES_URL)`);
  });
}

function withoutPassword(url: string): string {
  return url.replace(/:[^:@/]*@/, '@');
}

/** Returns the message of the innermost cause. `fetch failed` alone does not help. */
function reasonIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonIn(error.cause) : error.message;
}
