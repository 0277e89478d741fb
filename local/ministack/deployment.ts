import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { CONSOLE, readErrorPages } from '../emulators/cloudfront/files.ts';
import { startFrontDoor } from '../emulators/cloudfront/front-door.ts';
import { viewerRequest } from '../emulators/cloudfront/viewer-request.ts';
import { startPostgres } from '../postgres/cluster.ts';
import { type Deployment, type FunctionSpec, readDeployment } from '../template/deployment.ts';
import { synthesizedAssembly } from '../template/synthesize.ts';
import { type Adaptation, adaptAssembly, type Variables } from './adapt/adapt.ts';
import { apisAt, awsAt } from './aws.ts';
import { bucketFiles } from './bucket-files.ts';
import { tagBuckets } from './bucket-tags.ts';
import { ACCOUNT, CREDENTIALS, cdk, REGION } from './cdk.ts';
import { standInDatabase } from './database.ts';
import { knownResourceTypes, startMiniStack } from './emulator.ts';
import { deployedOrigins } from './front-door.ts';
import { originHeaders } from './origin-headers.ts';

/** Of the stacks, by the start of their names: the data's is deployed first, as the other's functions need it. */
const DATA_STACK = '*-Data';

export interface DeployedSystem {
  /** Of the stand-in for the front door, without a trailing slash. */
  readonly url: string;
  /** Where clients connect their WebSocket, by the same. */
  readonly socketUrl: string;
  /** Of every AWS API. */
  readonly endpoint: string;
  /** The database, as its superuser. */
  readonly databaseUrl: string;
  /** The cloud assembly as synthesized. */
  readonly assembly: string;
  /** How it was adapted; doing it again gives what is deployed. */
  readonly adaptation: Adaptation;
  /** File with the certificate to trust. */
  readonly authority: string;
  /** The parent of the functions' processes. */
  readonly emulatorPid: number;
  stop(): Promise<void>;
}

export interface DeployOptions {
  /** Of this run alone; removed at the stop. */
  readonly directory: string;
  /** Of the stand-in for the front door. */
  readonly port: number;
  /** Gets what the emulator and the functions print. */
  readonly logFile: string;
  /** Variables of functions that go before the template's of the same name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
}

/**
 * Deploys the app as it is to an empty emulator by the `cdk` command, with a real Postgres behind it.
 *
 * @throws {StartFailure} when something on this machine stands in the way; nothing is left running then
 */
export async function deploySystem(options: DeployOptions): Promise<DeployedSystem> {
  const { directory, port, log } = options;
  // Undone last first.
  const undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const door = await startFrontDoor([port]);
    undo.defer(door.stop);
    const server = await startPostgres({ dataDir: directory, durable: false, log });
    undo.defer(server.stop);
    const emulator = await startMiniStack(join(directory, 'ministack'), options.logFile);
    undo.defer(emulator.stop);
    const { endpoint, authority, pid: emulatorPid } = emulator;
    const database = standInDatabase(server);

    const assembly = await synthesizedAssembly(log);
    const { functions, frontDoor } = describeDeployment(assembly);
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
    // RDS makes the master user with the cluster; here that is done by hand before the migrations log in as it.
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
    return {
      url: `http://localhost:${port}`,
      socketUrl: `ws://localhost:${port}/ws`,
      endpoint,
      databaseUrl: database.url,
      assembly,
      adaptation,
      authority,
      emulatorPid,
      stop: () => undo.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

/** Those of `variables` that the template names too. */
function named({ environment }: FunctionSpec, variables: DeployOptions['environment']): Variables {
  const entries = Object.entries(variables).filter(([name]) => name in environment);
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** The bucket that the console has been published to, by the function that did it. */
async function consoleBucket(functions: readonly FunctionSpec[], endpoint: string): Promise<string> {
  const variable = 'CONSOLE_BUCKET';
  const publisher = functions.find(({ environment }) => variable in environment);
  if (!publisher) throw new Error(`no function has the variable ${variable}`);
  return awsAt(endpoint).variableOf(publisher.name, variable);
}

/** What an assembly says of the system; the addresses in it lead nowhere. */
export function describeDeployment(assembly: string): Deployment {
  const nowhere = 'http://nowhere.invalid';
  return readDeployment(assembly, {
    database: { host: 'nowhere.invalid', port: 5432 },
    queues: nowhere,
    webSocketManagement: nowhere,
    frontDoor: nowhere,
  });
}

/** The login that the deployed database's secret holds: the one secret that is made of a user name. */
export async function masterLogin(endpoint: string): Promise<{ username: string; password: string }> {
  const client = new SecretsManagerClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { SecretList = [] } = await client.send(new ListSecretsCommand({}));
  for (const { ARN } of SecretList) {
    const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: ARN }));
    if (SecretString.includes('"username"')) return JSON.parse(SecretString);
  }
  throw new Error('no secret of the deployment holds the login of the database');
}
