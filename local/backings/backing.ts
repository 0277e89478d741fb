import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AskConnection } from '../emulators/api-gateway/websocket-management.ts';
import type { Deliveries, DeliveryOptions } from '../emulators/deliveries.ts';
import type { Lambda } from '../emulators/lambda/lambda.ts';
import type { Deployment } from '../template/deployment.ts';

/** Services below the functions on this machine: either embedded in this process or those of compose.yaml. */
export interface Backing {
  readonly database: DatabaseServer;
  /** SQS's address, without a trailing slash. */
  readonly queuesEndpoint: string;
  /** `AWS_ENDPOINT_URL_<service>` for the services that the runtime's own AWS API does not emulate. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Creates the queues, and the template's other resources that this backing holds. */
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
  /** SQS requests answered since the start, by action. Empty where the backing does not count them. */
  sqsRequestCounts(): Readonly<Record<string, number>>;
}

/** A Postgres server on which the runtime creates its database. */
export interface DatabaseServer {
  readonly host: string;
  readonly port: number;
  /** A role that may create databases and roles. */
  readonly user: string;
  readonly password: string;
  /** Returns a connection URL for `user`. */
  url(database?: string): string;
}

/** Starts the Postgres server that stands for Aurora's cluster. */
export type StartDatabase = (options: {
  /** A directory that only this cluster uses. */
  dataDir: string;
  durable: boolean;
  log: (line: string) => void;
}) => Promise<DatabaseServer & { stop(): Promise<void> }>;

/** The WebSocket API, independent of the processes in which it runs. */
export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  readonly ask: AskConnection;
  /** The processes that hold connections; empty when this process holds them. */
  gateways(): readonly { readonly pid: number; readonly port: number }[];
  /** Closes every connection and waits until `$disconnect` has run for each. */
  stop(): Promise<void>;
}
