import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DisableRuleCommand, EnableRuleCommand } from '@aws-sdk/client-eventbridge';
import {
  GetFunctionConfigurationCommand,
  ListEventSourceMappingsCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import {
  GetQueueAttributesCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { register, type User } from '../../end-to-end/client.ts';
import { readDeployment } from '../../template/deployment.ts';
import { type Aws, awsAt } from '../aws.ts';

/*
 * The deployed queues: their attributes, and how their messages reach the functions and, when functions crash, the dead
 * letters.
 */

const system = inject('system');
const deployment = readDeployment(system.assembly);
const WORKER = 'celeriac-dev-worker';

let aws: Aws;
let sql: postgres.Sql;
let ada: User;
let killer: Server;
let killerUrl: string;
/**
 * Only a request for this path kills its worker. Each repetition of the test uses a new path, with a new task and
 * count.
 */
let poison = '/none';
let kills = 0;

beforeAll(async () => {
  aws = awsAt(system.endpoint);
  sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  ada = await register(system.url);
  killer = createServer(async (incoming, answer) => {
    if (incoming.url !== poison) return void answer.end();
    kills += 1;
    for (const pid of await processesOf(WORKER)) kill(pid);
    answer.destroy();
  });
  await new Promise<void>((done) => killer.listen(0, '127.0.0.1', done));
  killerUrl = `http://127.0.0.1:${(killer.address() as AddressInfo).port}`;
});

afterAll(async () => {
  killer?.closeAllConnections();
  killer?.close();
  await sql?.end();
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process ended after it was found.
  }
}

/** Returns the pids of a function's processes, which are children of the emulator. */
async function processesOf(functionName: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [environment = '', status = ''] = await Promise.all(
      ['environ', 'status'].map((file) => readFile(`/proc/${entry}/${file}`, 'latin1').catch(() => '')),
    );
    const isMine = status.includes(`\nPPid:\t${system.emulatorPid}\n`);
    if (isMine && environment.includes(`AWS_LAMBDA_FUNCTION_NAME=${functionName}\0`))
      pids.push(Number(entry));
  }
  return pids;
}

/** Returns the event source mappings of a function in the emulator. */
async function mappingsOf(FunctionName: string) {
  const { EventSourceMappings = [] } = await aws.lambda.send(
    new ListEventSourceMappingsCommand({ FunctionName }),
  );
  return EventSourceMappings;
}

async function attributesOf(arn: string): Promise<Record<string, string>> {
  const { Attributes = {} } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: aws.queueUrl(arn), AttributeNames: ['All'] }),
  );
  return Attributes;
}

async function stateOf(id: string) {
  const [row] = await sql<{ status: string; attempt: number; crashes: number }[]>`
    select status, attempt, crashes from tasks where id = ${id}`;
  const ledger = await sql<{ outcome: string }[]>`
    select outcome from attempts where task_id = ${id} order by attempt`;
  return { ...row, ledger: ledger.map(({ outcome }) => outcome) };
}

test('the mappings are as the template says: so many messages, failures one by one, a concurrency of their own', async () => {
  const functions = [...new Set(deployment.mappings.map(({ functionName }) => functionName))];
  const live = (await Promise.all(functions.map(mappingsOf))).flat();
  expect(live).toHaveLength(deployment.mappings.length);
  const shapes = live.map((mapping) => [
    mapping.FunctionArn?.split(':').at(-1),
    mapping.BatchSize,
    mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures'),
    mapping.ScalingConfig?.MaximumConcurrency,
  ]);
  const wanted = deployment.mappings.map((mapping) => [
    mapping.functionName,
    mapping.batchSize,
    mapping.reportsItemFailures,
    mapping.maximumConcurrency,
  ]);
  expect(shapes.toSorted()).toEqual(wanted.toSorted());
});

test('the queues that wake the worker give a message up after the deployed number of receives', async () => {
  const mappings = await mappingsOf(WORKER);
  const live = await Promise.all(mappings.map(({ EventSourceArn = '' }) => attributesOf(EventSourceArn)));
  const wanted = deployment.queues.filter(({ attributes }) => attributes.RedrivePolicy);
  expect(live).toHaveLength(wanted.length);
  const [deadLetters] = await mappingsOf('celeriac-dev-dead-letters');
  for (const [index, attributes] of live.entries()) {
    const { RedrivePolicy = '{}', ...rest } = attributes;
    expect(rest).toMatchObject({
      VisibilityTimeout: wanted[index]?.attributes.VisibilityTimeout,
      MessageRetentionPeriod: wanted[index]?.attributes.MessageRetentionPeriod,
    });
    const { maxReceiveCount } = JSON.parse(wanted[index]?.attributes.RedrivePolicy ?? '{}');
    expect(JSON.parse(RedrivePolicy)).toMatchObject({
      maxReceiveCount,
      deadLetterTargetArn: deadLetters?.EventSourceArn,
    });
  }
});

test('a forged message changes nothing, and one that comes twice leads to one attempt', async () => {
  const [mapping] = await mappingsOf(WORKER);
  const QueueUrl = aws.queueUrl(mapping?.EventSourceArn ?? '');
  const id = await ada.create({
    name: 'twice',
    scheduled_time: new Date(Date.now() + 2_000).toISOString(),
  });
  for (const MessageBody of ['{', '{"v":2}', JSON.stringify({ v: 1, ids: [id] })]) {
    await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: 'any' }));
  }
  await expect
    .poll(() => stateOf(id), { timeout: 30_000, interval: 100 })
    .toMatchObject({ status: 'COMPLETED', ledger: ['completed'] });
});

test('a task that kills every worker ends in the dead letters, whose function records it, and the dispatcher brings it back', async () => {
  const rule = await aws.ruleOf('celeriac-dev-dispatcher');
  await using undo = new AsyncDisposableStack();
  // Without the dispatcher, only the dead letters' function can record the last crash.
  await aws.events.send(new DisableRuleCommand({ Name: rule }));
  undo.defer(async () => void (await aws.events.send(new EnableRuleCommand({ Name: rule }))));
  for (const { EventSourceArn = '' } of await mappingsOf(WORKER)) {
    undo.defer(await setVisibility(EventSourceArn, '3'));
  }
  undo.defer(await setLease('1'));

  poison = `/${randomUUID()}`;
  kills = 0;
  const id = await ada.create({
    name: 'poison',
    kind: 'http.request',
    payload: { url: killerUrl + poison },
    max_retries: 20,
  });
  const five = Array.from({ length: 5 }, () => 'crashed');
  await expect
    .poll(() => stateOf(id), { timeout: 90_000, interval: 500 })
    .toEqual({ status: 'SCHEDULED', attempt: 5, crashes: 5, ledger: five });
  expect(kills).toBe(5);
  await aws.events.send(new EnableRuleCommand({ Name: rule }));
  await expect.poll(() => kills, { timeout: 90_000, interval: 500 }).toBeGreaterThan(5);
  await ada.ask('POST', `/api/tasks/${id}/cancel/`);
}, 200_000);

/**
 * Makes a message visible again after seconds and not hours; set through the API after the deployment.
 *
 * @returns the undo function
 */
async function setVisibility(arn: string, VisibilityTimeout: string): Promise<() => Promise<void>> {
  const QueueUrl = aws.queueUrl(arn);
  const { VisibilityTimeout: before = '' } = await attributesOf(arn);
  const set = async (seconds: string) => {
    const Attributes = { VisibilityTimeout: seconds };
    await aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
  };
  await set(VisibilityTimeout);
  return () => set(before);
}

/** Makes the worker's leases end before a message returns. @returns the undo function */
async function setLease(seconds: string): Promise<() => Promise<void>> {
  const FunctionName = WORKER;
  const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const set = async (Variables: Record<string, string>) => {
    const change = new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } });
    await aws.lambda.send(change);
  };
  const before = Environment?.Variables ?? {};
  await set({ ...before, LEASE_SECONDS: seconds });
  return () => set(before);
}
