import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CONSOLE, readErrorPages } from '../emulators/cloudfront/files.ts';
import { startFrontDoor } from '../emulators/cloudfront/front-door.ts';
import { viewerRequest } from '../emulators/cloudfront/viewer-request.ts';
import { startPostgres } from '../postgres/cluster.ts';
import { type FunctionSpec, readDeployment } from '../template/deployment.ts';
import { ACCOUNT, REGION } from '../template/physical.ts';
import { synthesizedAssembly } from '../template/synthesize.ts';
import { type Adaptation, adaptAssembly, type Variables } from './adapt/adapt.ts';
import { apisAt, awsAt } from './aws.ts';
import { bucketFiles } from './bucket-files.ts';
import { tagBuckets } from './bucket-tags.ts';
import { cdk } from './cdk.ts';
import { standInDatabase } from './database.ts';
import { knownResourceTypes, startMiniStack } from './emulator.ts';
import { deployedOrigins } from './front-door.ts';
import { originHeaders } from './origin-headers.ts';

/** Pattern for the data stack's name. It is deployed first, because the other stack's functions need it. */
const DATA_STACK = '*-Data';

export interface DeployedSystem {
  /** Address of the local front door, without a trailing slash. */
  readonly url: string;
  /** Address for clients' WebSockets, on the local front door. */
  readonly socketUrl: string;
  /** The emulator's address, for every AWS API. */
  readonly endpoint: string;
  /** URL of the database's superuser. */
  readonly databaseUrl: string;
  /** Directory of the synthesized cloud assembly. */
  readonly assembly: string;
  /** The applied adaptation. Applying it again gives the deployed templates. */
  readonly adaptation: Adaptation;
  /** File with the certificate to trust. */
  readonly authority: string;
  /** Process id of the emulator, the parent of the functions' processes. */
  readonly emulatorPid: number;
  stop(): Promise<void>;
}

export interface DeployOptions {
  /** Directory for this run only; removed by `stop`. */
  readonly directory: string;
  /** Port of the local front door. */
  readonly port: number;
  /** File for the output of the emulator and the functions. */
  readonly logFile: string;
  /** Variables of functions that replace the template's variables of the same name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
}

/**
 * Deploys the unchanged app to an empty emulator with the `cdk` command, with a real Postgres as its database.
 *
 * @throws {StartFailure} when something on this machine prevents it; nothing is left running then
 */
export async function deploySystem(options: DeployOptions): Promise<DeployedSystem> {
  const { directory, port, log } = options;
  // Disposed in reverse order.
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const door = await startFrontDoor([port]);
  undo.defer(door.stop);
  const server = await startPostgres({ dataDir: directory, durable: false, log });
  undo.defer(server.stop);
  const emulator = await startMiniStack(join(directory, 'ministack'), options.logFile);
  undo.defer(emulator.stop);
  const { endpoint, authority, pid: emulatorPid } = emulator;
  const database = standInDatabase(server);

  const assembly = await synthesizedAssembly(log);
  const { functions, frontDoor } = readDeployment(assembly);
  const adapted = join(directory, 'assembly');
  const adaptation = {
    endpoint,
    environment: Object.fromEntries(
      functions.map((fn): [string, Variables] => [
        fn.name,
        {
          ...named(fn, { AWS_ENDPOINT_URL_S3: endpoint, ...options.environment }),
          ...database.environmentOf(fn),
        },
      ]),
    ),
    knownTypes: knownResourceTypes(),
  };
  const changes = await adaptAssembly(assembly, adapted, adaptation);
  log('the emulator gets templates that differ from those for AWS:');
  for (const [what, changed] of Object.entries(Object.groupBy(changes, (change) => change.what))) {
    log(`  ${what}: ${[...new Set(changed?.map(({ resource }) => resource))].join(', ')}`);
  }

  const on = { endpoint, authority, home: directory };
  const deploy = async (...stacks: string[]) => {
    log(`cdk deploy ${stacks.join(' ')}`);
    await cdk(['deploy', ...stacks, '--app', adapted, '--require-approval', 'never'], on);
  };
  log('cdk bootstrap');
  await cdk(['bootstrap', `aws://${ACCOUNT}/${REGION}`, '--app', adapted], on);
  // On AWS, RDS creates the master user. Here it must exist before the migrations log in with it.
  await deploy(DATA_STACK);
  await database.createMaster(await masterLogin(endpoint));
  await deploy('--all');
  await tagBuckets(assembly, endpoint);
  await database.openRoles();
  door.open(
    deployedOrigins({
      ...(await apisAt(endpoint)),
      headers: await originHeaders(assembly, endpoint),
      viewerRequest: viewerRequest(frontDoor.viewerRequest),
      errorPages: await readErrorPages(CONSOLE, frontDoor.errorPages),
      files: bucketFiles(endpoint, await consoleBucket(functions, endpoint), frontDoor.consoleHeaders),
    }),
  );
  const started = undo.move();
  return {
    url: `http://localhost:${port}`,
    socketUrl: `ws://localhost:${port}/ws`,
    endpoint,
    databaseUrl: database.url,
    assembly,
    adaptation,
    authority,
    emulatorPid,
    stop: () => started.disposeAsync(),
  };
}

/** Returns those of `variables` that the template also names. */
function named({ environment }: FunctionSpec, variables: DeployOptions['environment']): Variables {
  const entries = Object.entries(variables).filter(([name]) => name in environment);
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Returns the bucket of the console, from a variable of the function that publishes it. */
async function consoleBucket(functions: readonly FunctionSpec[], endpoint: string): Promise<string> {
  const variable = 'CONSOLE_BUCKET';
  const publisher = functions.find(({ environment }) => variable in environment);
  if (!publisher) throw new Error(`no function has the variable ${variable}`);
  return awsAt(endpoint).variableOf(publisher.name, variable);
}

/** Returns the login in the deployed database's secret: the only secret that contains a user name. */
export async function masterLogin(endpoint: string): Promise<{ username: string; password: string }> {
  const secrets = await awsAt(endpoint).secrets();
  const login = secrets.find(({ value }) => value.includes('"username"'));
  if (!login) throw new Error('no secret of the deployment holds the login of the database');
  return JSON.parse(login.value);
}
