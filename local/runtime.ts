import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartDatabase } from './backings/backing.ts';
import { embeddedBacking, undone } from './backings/embedded-backing.ts';
import { type Addresses, localStackBacking } from './backings/localstack/localstack-backing.ts';
import { httpApi } from './emulators/api-gateway/http-api.ts';
import { webSocketManagement } from './emulators/api-gateway/websocket-management.ts';
import { startAwsApi } from './emulators/aws-api.ts';
import { CONSOLE, fileServer, readErrorPages } from './emulators/cloudfront/files.ts';
import { startFrontDoor } from './emulators/cloudfront/front-door.ts';
import { viewerRequest } from './emulators/cloudfront/viewer-request.ts';
import type { BusEvent } from './emulators/eventbridge/event-rules.ts';
import { startLambda } from './emulators/lambda/lambda.ts';
import { lanesOf } from './emulators/lambda/sandbox-pool.ts';
import { openMailbox } from './emulators/ses/mailbox.ts';
import { MAILBOX_PATHS, mailboxApi, organizationsByApi } from './emulators/ses/mailbox-api.ts';
import { ses } from './emulators/ses/ses.ts';
import type { StartQueues } from './emulators/sqs/queues.ts';
import { functionEnvironment } from './function-environment.ts';
import { createDatabase, setRolePasswords } from './postgres/database-roles.ts';
import { occupyDirectory } from './process/data-directory.ts';
import { freePort } from './process/free-port.ts';
import { openLogFile } from './process/log-file.ts';
import { StartFailure } from './process/start-failure.ts';
import { openSecrets } from './secrets.ts';
import { type Deployment, readDeployment } from './template/deployment.ts';
import { synthesizedAssembly } from './template/synthesize.ts';

/** The database in the functions' DATABASE_URL. */
const DATABASE = 'celeriac';

/** Seconds that a stop waits: for connections to close and their `$disconnect`, and for other invocations to end. */
const GRACE = { sockets: 5, invocations: 5 };

export interface RuntimeOptions {
  /** Port of console, API and WebSocket; default: any free port. */
  readonly port?: number;
  /**
   * A second port for the same, which was the WebSocket port of the replaced system (docs/compatibility.md); default:
   * any free port.
   */
  readonly wsPort?: number;
  /** Directory for all data that must survive, and for the logs. */
  readonly dataDir: string;
  /** Addresses of LocalStack, Redis and Postgres; default: the embedded services. */
  readonly external?: Addresses;
  /** Variables of functions that replace the template's variables of the same name. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Receives one line for each event that a person should know. */
  readonly log?: (line: string) => void;
  /** A synthesized cloud assembly; default: synthesized from the current sources. */
  readonly assembly?: string;
  /** False: schedules do not fire; tests invoke the functions. */
  readonly schedules?: boolean;
  /** False gives up the database's crash safety for speed. */
  readonly durable?: boolean;
  /** Starts the Postgres server that stands for Aurora. Default: the embedded Postgres. */
  readonly startDatabase?: StartDatabase;
  /** Starts the queues that stand for SQS. Default: the embedded queues. */
  readonly startQueues?: StartQueues;
  /** Called with every event put on a bus. With `external` events go to the emulator, and this is not called. */
  readonly onEvent?: (bus: string, event: BusEvent) => void;
}

export interface Runtime {
  /** URL of console and API, without a trailing slash. */
  readonly url: string;
  /** Address of the WebSockets, without a path: `ws://localhost:8001`. */
  readonly wsUrl: string;
  /** Connection URL of the database's superuser. */
  readonly databaseUrl: string;
  /** SQS's address for the SDK. */
  readonly queuesEndpoint: string;
  /** The deployment in the template, for example the queues' names. */
  readonly deployment: Deployment;
  /** Invokes a function by its short name (`worker`). @returns its result. @throws when the function fails */
  invoke(functionName: string, event?: unknown): Promise<unknown>;
  /** Replaces the code of a function by a bundle, by the function's short name. Running invocations end with the old code. */
  replaceCode(functionName: string, bundle: string): void;
  /** Process ids of a function's sandboxes, by the function's short name. */
  sandboxes(functionName: string): number[];
  /** The WebSocket gateway processes; empty when this process holds the sockets. */
  gateways(): readonly { readonly pid: number; readonly port: number }[];
  /** SQS requests since the start, by action, including the pollers' requests. Only the embedded SQS counts them. */
  sqsRequestCounts(): Readonly<Record<string, number>>;
  /** Waits a few seconds for work under way, then ends everything. */
  stop(): Promise<void>;
}

/**
 * Starts the whole system on this machine, wired by the synthesized template.
 *
 * @throws {StartFailure} when something on this machine prevents it; nothing is left running then
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  // Disposed in reverse order: the start below, read upwards, is the order of a stop.
  await using undo = new AsyncDisposableStack();
  const { log = () => {}, env = {}, durable = true } = options;
  const dataDir = resolve(options.dataDir);
  let isStopping = false;
  const inDataDir = (name: string) => join(dataDir, name);
  undo.defer(occupyDirectory(dataDir));
  const port = options.port || (await freePort());
  const wsPort = options.wsPort || (await freePort());
  const door = await startFrontDoor([port, wsPort]);
  undo.defer(door.stop);

  // A new key for each start: signatures of an earlier start are invalid.
  const secretAccessKey = randomBytes(30).toString('base64url');
  const starting = [
    options.assembly ?? synthesizedAssembly(log, inDataDir('dist')),
    options.external
      ? localStackBacking(options.external, log)
      : embeddedBacking({
          inDataDir,
          durable,
          startDatabase: options.startDatabase,
          startQueues: options.startQueues,
          secretAccessKey,
          log,
          undo,
        }),
    undone(undo, startAwsApi()),
  ] as const;
  // Waits for all of them first: if one fails, no other may start later and stay behind.
  await Promise.allSettled(starting);
  const [assembly, backing, awsApi] = await Promise.all(starting);
  const { database, queuesEndpoint } = backing;
  await createDatabase(database.url(), DATABASE);

  const deployment = readDeployment(assembly, {
    database,
    queues: queuesEndpoint,
    webSocketManagement: awsApi.endpoint,
    frontDoor: `http://localhost:${port}`,
  });
  await backing.create(deployment);
  const { host, port: databasePort, user, password } = database;
  const secrets = await openSecrets({
    file: inDataDir('secrets.json'),
    secrets: deployment.secrets,
    databaseLogin: { username: user, password, host, port: databasePort },
  });

  const functionLog = openLogFile(inDataDir('functions.log'));
  undo.defer(functionLog.close);
  const login = { host, port: databasePort, rolePassword: randomBytes(24).toString('base64url') };
  const lambda = startLambda({
    functions: deployment.functions.flatMap((fn) =>
      lanesOf(fn, deployment).map((lane) => ({
        ...fn,
        ...lane,
        environment: functionEnvironment(fn, env, login),
      })),
    ),
    environment: {
      AWS_ENDPOINT_URL: awsApi.endpoint,
      AWS_ACCESS_KEY_ID: awsApi.accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...backing.endpoints,
      NODE_COMPILE_CACHE: inDataDir('compile-cache'),
    },
    log: (name, line) => functionLog.write(`[${shortName(name)}] ${line}`),
    onFailure: (name, why) => {
      // An invocation that a stop interrupts continues at the next start, as after a crash.
      if (!isStopping) log(`${shortName(name)} failed: ${why} (more in ${inDataDir('functions.log')})`);
    },
  });
  const incoming = backing.deliveries({ deployment, lambda, log });
  undo.defer(incoming.end);
  undo.defer(() => lambda.stop(GRACE.invocations));
  const sockets = await backing.openSockets({
    api: deployment.webSocket,
    lambda,
    lambdaEndpoint: awsApi.endpoint,
  });
  undo.defer(() => Promise.race([sockets.stop(), sleep(GRACE.sockets * 1000)]));
  undo.defer(incoming.pause);
  const publish = (bus: string, event: BusEvent): void => {
    options.onEvent?.(bus, event);
    incoming.publish(bus, event);
  };
  const mailbox = await openMailbox(inDataDir('mailbox'));
  awsApi.serve({
    lambda,
    secrets,
    publish,
    ses: ses({ mailbox, publish }),
    connections: webSocketManagement(sockets.ask),
  });

  const fullName = (functionName: string) =>
    deployment.functions.find(({ name }) => shortName(name) === functionName)?.name ?? functionName;
  const invoke = async (functionName: string, event: unknown = {}): Promise<unknown> => {
    const { payload, functionError } = await lambda.invoke(fullName(functionName), JSON.stringify(event));
    if (functionError) throw new Error(`${functionName} failed: ${payload}`);
    return JSON.parse(payload);
  };
  await invoke('migrate').catch((cause: Error) => {
    throw new StartFailure(`the database could not be migrated: ${cause.message}`, { cause });
  });
  await setRolePasswords(database.url(DATABASE), login.rolePassword);
  await lambda.provision();
  incoming.startMappings();
  if (options.schedules !== false) incoming.startSchedules();
  door.open({
    httpApi: httpApi({ routes: deployment.httpRoutes, lambda }),
    localApi: {
      paths: MAILBOX_PATHS,
      answer: mailboxApi(mailbox, organizationsByApi(`http://localhost:${port}`)),
    },
    webSocketApi: sockets.upgrade,
    files: fileServer(CONSOLE, deployment.frontDoor.consoleHeaders),
    viewerRequest: viewerRequest(deployment.frontDoor.viewerRequest),
    errorPages: await readErrorPages(CONSOLE, deployment.frontDoor.errorPages),
  });
  undo.defer(door.close);

  const started = undo.move();
  return {
    url: `http://localhost:${port}`,
    wsUrl: `ws://localhost:${wsPort}`,
    databaseUrl: database.url(DATABASE),
    queuesEndpoint,
    deployment,
    invoke,
    replaceCode: (functionName, bundle) => lambda.replaceCode(fullName(functionName), bundle),
    sandboxes: (functionName) => lambda.sandboxes(fullName(functionName)),
    gateways: sockets.gateways,
    sqsRequestCounts: backing.sqsRequestCounts,
    stop: () => {
      isStopping = true;
      return started.disposeAsync();
    },
  };
}

/** Returns a function's name without application and stage: `dead-letters` for `celeriac-dev-dead-letters`. */
function shortName(functionName: string): string {
  return functionName.replace(/^celeriac-[^-]+-/, '');
}
