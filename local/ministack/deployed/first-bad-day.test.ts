import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { register, type User } from '../../end-to-end/client.ts';
import { directoryOfRun } from '../../postgres/directory-of-run.ts';
import { freePort } from '../../process/free-port.ts';
import { REGION } from '../../template/physical.ts';
import { adaptAssembly } from '../adapt/adapt.ts';
import { awsAt } from '../aws.ts';
import { CREDENTIALS, cdk, LIMIT_SECONDS } from '../cdk.ts';
import { setPassword } from '../database.ts';
import { type DeployedSystem, deploySystem, masterLogin } from '../deployment.ts';
import { trust } from '../emulator.ts';

/*
 * The promises of docs/operating.md and docs/aws.md about the first deployment and the first bad day, tested on a
 * separate deployment: look before deploying, lose the database and restore it, remove the stage while its bucket holds
 * files, and deploy again.
 */

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const STACKS = ['Celeriac-dev-Data', 'Celeriac-dev-App'];

vi.setConfig({ testTimeout: 3 * LIMIT_SECONDS * 1000, hookTimeout: 3 * LIMIT_SECONDS * 1000 });

let directory: string;
let system: DeployedSystem;
let ada: User;

beforeAll(async () => {
  directory = await directoryOfRun();
  system = await deploySystem({
    directory,
    port: await freePort(),
    logFile: join(REPOSITORY, 'dist', 'ministack-first-bad-day.log'),
    environment: {},
    log: () => {},
  });
  trust(system.authority);
  ada = await register(system.url);
});

afterAll(() => system?.stop());

const on = () => ({ endpoint: system.endpoint, authority: system.authority, home: directory });
const options = () => ({ endpoint: system.endpoint, region: REGION, credentials: CREDENTIALS });

async function statuses(): Promise<(string | undefined)[]> {
  const client = new CloudFormationClient(options());
  return Promise.all(
    STACKS.map(async (StackName) => {
      const answer = await client.send(new DescribeStacksCommand({ StackName })).catch(() => undefined);
      return answer?.Stacks?.[0]?.StackStatus;
    }),
  );
}

async function preflight(...args: string[]): Promise<{ output: string; failed: boolean }> {
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: REGION,
    AWS_ENDPOINT_URL: system.endpoint,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    NODE_EXTRA_CA_CERTS: system.authority,
  };
  const run = promisify(execFile)(process.execPath, [join(REPOSITORY, 'bin', 'preflight.ts'), ...args], {
    env,
  });
  return run.then(
    ({ stdout }) => ({ output: stdout, failed: false }),
    (error: { stdout: string; stderr: string }) => ({ output: error.stdout + error.stderr, failed: true }),
  );
}

test('preflight reads the account by the real clients, and finds problems of a deployment', async () => {
  const ready = await preflight();
  expect(ready).toMatchObject({
    failed: false,
    output: expect.stringContaining('No problem was found'),
  });
  const lost = await preflight('-c', 'ownKey=on');
  expect(lost).toMatchObject({
    failed: true,
    output: expect.stringMatching(
      /error: The setting ownKey differs .* What to do: Deploy with -c ownKey=off/,
    ),
  });
  const wrong = await preflight('-c', 'priceApiKeySecret=nowhere', '-c', 'stage=pr-12');
  expect(wrong).toMatchObject({
    failed: true,
    output: expect.stringContaining('There is no secret nowhere'),
  });
});

test('a database that is lost comes back from a snapshot, by the deployment that the runbook names', async () => {
  const before = await ada.create({
    name: 'before',
    scheduled_time: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const admin = postgres(system.databaseUrl.replace(/[^/]*$/, 'postgres'), { max: 1, onnotice: () => {} });
  const database = new URL(system.databaseUrl).pathname.slice(1);
  // A snapshot holds the cluster's contents at one moment.
  await copyOf(admin, database, 'snapshot');
  const after = await ada.create({ name: 'after' });
  await copyOf(admin, 'snapshot', 'restored');
  await admin.end();

  const aws = awsAt(system.endpoint);
  const place = async () => {
    const FunctionName = 'celeriac-dev-api';
    const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return new URL(Environment?.Variables?.DATABASE_URL ?? '').pathname;
  };
  expect(await place()).toBe(`/${database}`);
  // The emulator's clusters have no server. The adaptation of the templates selects the database for a cluster.
  const environment = Object.fromEntries(
    Object.entries(system.adaptation.environment).map(([name, variables]) => [
      name,
      {
        ...variables,
        ...(variables.DATABASE_URL && { DATABASE_URL: variables.DATABASE_URL.replace(/[^/]*$/, 'restored') }),
      },
    ]),
  );
  const adapted = join(directory, 'restored');
  await adaptAssembly(system.assembly, adapted, { ...system.adaptation, environment });
  const snapshot = 'arn:aws:rds:us-east-1:000000000000:cluster-snapshot:before';
  await cdk(
    [
      'deploy',
      '--all',
      '--app',
      adapted,
      '--require-approval',
      'never',
      '--parameters',
      `Celeriac-dev-Data:RestoreFrom=${snapshot}`,
    ],
    on(),
  );

  expect(await place()).toBe('/restored');
  const status = async (id: string) => (await ada.ask('GET', `/api/tasks/${id}/status/`)).status;
  expect([await status(before), await status(after)]).toEqual([200, 404]);
  const done = await ada.create({ name: 'goes on' });
  await expect
    .poll(async () => (await ada.ask('GET', `/api/tasks/${done}/status/`)).body.status)
    .toBe('COMPLETED');

  // The parameter keeps its value: a later deployment that does not name it leaves the restored database.
  const later = await cdk(['deploy', '--all', '--app', adapted, '--require-approval', 'never'], on());
  for (const stack of STACKS) expect(later).toContain(`${stack} (no changes)`);
});

/** Copies a database with a separate connection, after all connections to the source have ended. */
async function copyOf(admin: postgres.Sql, from: string, to: string): Promise<void> {
  await expect
    .poll(async () => {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${from} and pid <> pg_backend_pid()`;
      return admin`create database ${admin(to)} template ${admin(from)}`.then(
        () => 'copied',
        (error: Error) => error.message,
      );
    })
    .toBe('copied');
  // A copy belongs to its creator, but a database from a snapshot keeps its owner.
  const [row] = await admin<{ owner: string }[]>`
    select rolname as owner from pg_database join pg_roles on datdba = pg_roles.oid where datname = ${from}`;
  await admin`alter database ${admin(to)} owner to ${admin(row?.owner ?? '')}`;
}

test('a stage is taken down while its bucket holds something, and deployed again', async () => {
  const Bucket = await awsAt(system.endpoint).variableOf('celeriac-dev-worker', 'ARTIFACTS_BUCKET');
  const s3 = new S3Client({ ...options(), forcePathStyle: true });
  await s3.send(new PutObjectCommand({ Bucket, Key: 'results/one', Body: 'kept for ten years' }));
  const app = join(directory, 'assembly');
  await cdk(['destroy', '--all', '--force', '--app', app], on());
  expect(await statuses()).toEqual([undefined, undefined]);
  const deploy = (stacks: string) =>
    cdk(['deploy', stacks, '--app', app, '--require-approval', 'never'], on());
  await deploy('*-Data');
  // RDS sets its generated password on a new cluster; here the test sets it.
  const { username, password } = await masterLogin(system.endpoint);
  const admin = postgres(system.databaseUrl, { max: 1 });
  await setPassword(admin, username, password);
  await admin.end();
  await deploy('--all');
  expect(await statuses()).toEqual(['CREATE_COMPLETE', 'CREATE_COMPLETE']);
});
