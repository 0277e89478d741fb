import { describe, expect, test } from 'vitest';
import { total } from './bill.ts';
import { inventoryOf } from './inventory.ts';
import { sampledTraces, usageOf, WORK, type WorkName } from './work.ts';

const bare = inventoryOf([]);
const terms = { region: 'us-east-1', freeTier: false } as const;
const names = Object.keys(WORK) as WorkName[];

describe.each(names)('%s', (name) => {
  test('costs nothing when nothing is done', () => {
    expect(usageOf(WORK[name], 0, bare)).toEqual({});
  });

  test('costs a million times as much a million times', () => {
    const one = total(usageOf(WORK[name], 1, bare), terms);
    expect(total(usageOf(WORK[name], 1e6, bare), terms)).toBeCloseTo(1e6 * one, 6);
  });
});

test('a million single tasks are three million requests to the queue, each of a fair queue', () => {
  const { sqsRequests, sqsFairRequests } = usageOf(WORK.single, 1e6, bare);
  expect([sqsRequests, sqsFairRequests]).toEqual([3e6, 3e6]);
});

test('reading a price writes nothing and asks no queue', () => {
  const usage = usageOf(WORK.priceRead, 1e6, bare);
  for (const name of ['auroraIos', 'sqsRequests', 'busEvents', 'auroraGbMonths'] as const) {
    expect(usage).not.toHaveProperty(name);
  }
});

test('behind the front door, replies are paid for at CloudFront and no longer as traffic of the region', () => {
  const open = usageOf(WORK.single, 1e6, bare);
  const behind = usageOf(WORK.single, 1e6, { ...bare, frontDoor: true, wafAcls: 1 });
  expect(open).not.toHaveProperty('cdnRequests');
  expect(behind).toMatchObject({ cdnRequests: 1e6, wafRequests: 1e6, cdnGb: open.internetGb });
  expect(behind).not.toHaveProperty('internetGb');
});

test('traces are recorded of every call while there is one a second, and of one in twenty beyond', () => {
  const seconds = 730 * 3600;
  expect(sampledTraces(0)).toBe(0);
  expect(sampledTraces(1000)).toBe(1000);
  expect(sampledTraces(seconds + 2000)).toBe(seconds + 100);
  expect(usageOf(WORK.single, 1000, bare)).not.toHaveProperty('traces');
  expect(usageOf(WORK.single, 1000, { ...bare, traced: true }).traces).toBe(2000);
});

test('functions that check connections are called once for each connection only', () => {
  const asked = { ...bare, connectionChecks: 1 };
  const calls = (name: WorkName, inventory: typeof bare) =>
    usageOf(WORK[name], 1e6, inventory).lambdaRequests ?? 0;
  expect(calls('watched', asked) - calls('watched', bare)).toBe(1e6);
  expect(calls('single', asked)).toBe(calls('single', bare));
});

test('only a NAT gateway charges for data', () => {
  expect(usageOf(WORK.single, 1e6, { ...bare, natInstances: 1 })).not.toHaveProperty('natGatewayGb');
  expect(usageOf(WORK.single, 1e6, { ...bare, natGateways: 2 }).natGatewayGb).toBeGreaterThan(0);
});
