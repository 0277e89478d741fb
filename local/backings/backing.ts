import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AskConnection } from '../emulators/api-gateway/websocket-management.ts';
import type { Deliveries, DeliveryOptions } from '../emulators/deliveries.ts';
import type { Lambda } from '../emulators/lambda/lambda.ts';
import type { Deployment } from '../template/deployment.ts';

/** What stands below the functions on this machine: embedded in this process, or what compose.yaml runs. */
export interface Backing {
  readonly database: DatabaseServer;
  /** SQS's address, without a trailing slash. */
  readonly queuesEndpoint: string;
  /** `AWS_ENDPOINT_URL_<service>`: where the functions find what the runtime's own AWS API does not stand for. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Makes the queues, and what else of the template has its place here. */
  create(deployment: Deployment): Promise<void>;
  deliveries(
    options: Omit<DeliveryOptions, 'deployment' | 'requests'> & { deployment: Deployment },
  ): Deliveries;
  /** @param options.lambdaEndpoint where other processes can invoke Lambda */
  openSockets(options: {
    api: Deployment['webSocket'];
    lambda: Lambda;
    lambdaEndpoint: string;
  }): Promise<Sockets>;
  /** SQS requests answered since the start, by action, as far as they are counted here. */
  sqsRequestCounts(): Readonly<Record<string, number>>;
}

/** A Postgres server that the runtime makes its database on. */
export interface DatabaseServer {
  readonly host: string;
  readonly port: number;
  /** A role that may make databases and roles. */
  readonly user: string;
  readonly password: string;
  /** A connection URL of that user. */
  url(database?: string): string;
}

/** Starts the server that stands for Aurora's cluster. */
export type StartDatabase = (options: {
  /** A directory for the cluster alone. */
  dataDir: string;
  durable: boolean;
  log: (line: string) => void;
}) => Promise<DatabaseServer & { stop(): Promise<void> }>;

/** The WebSocket API, in whatever processes it runs. */
export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  readonly ask: AskConnection;
  /** The processes that hold connections, when they are not this one. */
  gateways(): readonly { readonly pid: number; readonly port: number }[];
  /** Closes every connection and waits until `$disconnect` has run for each. */
  stop(): Promise<void>;
}
