import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import type { FunctionSpec, MappingSpec } from '../../template/deployment.ts';
import { lanesOf } from './sandbox-pool.ts';

const fn = (name: string, reservedConcurrency?: number): FunctionSpec => ({
  name,
  codeDir: '/nowhere',
  handler: 'index.handler',
  timeoutSeconds: 5,
  memoryMb: 128,
  environment: {},
  ...(reservedConcurrency !== undefined && { reservedConcurrency }),
});
const mapping = (queueName: string, maximumConcurrency: number): MappingSpec => ({
  functionName: 'worker',
  queueName,
  batchSize: 10,
  maximumConcurrency,
  reportsItemFailures: true,
});
const deployment = {
  mappings: [mapping('App-Interactive1A2B', 4), mapping('App-Urgent', 3), mapping('App-Bulk3C4D', 2)],
  httpRoutes: [{ routeKey: 'ANY /api/{proxy+}', functionName: 'api' }],
  webSocket: { stage: 'ws', selection: '', routes: [] },
};

test('each queue of a function has its concurrency, and a bulk queue sandboxes that give way', () => {
  expect(lanesOf(fn('worker'), deployment)).toEqual([
    { maxSandboxes: 7, provisioned: 2 },
    { queueName: 'App-Bulk3C4D', maxSandboxes: 2, provisioned: 1, niceness: 10 },
  ]);
});

test('a function with routes has a sandbox ready, and as many as the machine bears or its concurrency allows', () => {
  const machine = Math.max(4, 2 * availableParallelism());
  expect(lanesOf(fn('api'), deployment)).toEqual([{ maxSandboxes: machine, provisioned: 1 }]);
  expect(lanesOf(fn('api', 3), deployment)).toEqual([{ maxSandboxes: 3, provisioned: 1 }]);
});

test('a function that nobody waits for is started when it is called', () => {
  expect(lanesOf(fn('dispatcher', 1), deployment)).toEqual([{ maxSandboxes: 1, provisioned: 0 }]);
});
