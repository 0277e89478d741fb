import { FUNCTIONS } from '../functions.ts';
import { HOURS, plus, times, type Usage } from './bill.ts';
import type { Inventory } from './inventory.ts';

/**
 * Resources that one unit of work uses. Values that a test counts are exact. The others are high assumptions; no speed
 * was measured.
 */
const NOTHING = {
  what: '',
  httpRequests: 0,
  replyKb: 0,
  /** Busy time of each function in milliseconds, waiting included, at the memory of the function. */
  apiMilliseconds: 0,
  workerCalls: 0,
  workerMilliseconds: 0,
  socketCalls: 0,
  statements: 0,
  /** Changes of a task's row: created, claimed, settled. */
  rowChanges: 0,
  queueRequests: 0,
  busEvents: 0,
  /** Messages to and from clients, each under 32 KB. */
  socketMessages: 0,
  socketMinutes: 0,
  /** Requests to SQS, EventBridge and the WebSocket API that leave through the NAT. */
  requestsByNat: 0,
  storedKb: 0,
};

export type Work = typeof NOTHING;

const single: Work = {
  ...NOTHING,
  what: 'single, due now',
  httpRequests: 1,
  replyKb: 1,
  apiMilliseconds: 20,
  workerCalls: 1,
  workerMilliseconds: 40,
  // Both counts are asserted: functions/tasks/worker/worker.test.ts and local/end-to-end/system.test.ts.
  statements: 3,
  queueRequests: 3,
  rowChanges: 3,
  busEvents: 1,
  requestsByNat: 2,
  storedKb: 3,
};

/** Ids in one message of the bulk queue. infra-tests/observability/cost.test.ts asserts that the code uses the same number. */
export const BULK_IDS_PER_MESSAGE = 100;
/** Messages in one SendMessageBatch request. */
const PER_REQUEST = 10;
/** Tasks that a worker claims in one statement. Tasks that end together are also settled in one statement. */
const TASKS_PER_CLAIM = 20;
/** Tasks that one request creates. */
const TASKS_PER_CREATION = 1000;

const bulk: Work = {
  ...single,
  what: 'bulk',
  httpRequests: 1 / TASKS_PER_CREATION,
  replyKb: 0.05,
  apiMilliseconds: 0.3,
  workerCalls: 1 / BULK_IDS_PER_MESSAGE,
  workerMilliseconds: 3,
  statements: 1 / TASKS_PER_CREATION + 2 / TASKS_PER_CLAIM,
  // Sent ten at a time, but received and deleted one by one, because a nearly empty queue returns single messages.
  queueRequests: (1 / PER_REQUEST + 2) / BULK_IDS_PER_MESSAGE,
  // A batch publishes one event when it finishes, and its tasks publish none.
  busEvents: 1 / TASKS_PER_CREATION,
  requestsByNat: 1 / TASKS_PER_CREATION + 1 / (PER_REQUEST * BULK_IDS_PER_MESSAGE),
};

export const WORK = {
  single,
  scheduled: {
    ...single,
    what: 'single, at a set time',
    // SQS delays by whole seconds, rounded down: the worker waits half a second on average, and claims twice.
    workerMilliseconds: single.workerMilliseconds + 500,
    statements: single.statements + 1,
  },
  watched: {
    ...single,
    what: 'single, watched over its own WebSocket',
    // Connect, subscribe and disconnect; two frames to the client.
    socketCalls: 3,
    socketMessages: 3,
    socketMinutes: 1,
    statements: single.statements + 3,
    requestsByNat: single.requestsByNat + 2,
  },
  bulk,
  priceRead: {
    ...NOTHING,
    what: 'price read',
    httpRequests: 1,
    replyKb: 2,
    apiMilliseconds: 20,
    // One statement for the principal, one for the latest prices.
    statements: 2,
  },
} as const satisfies Record<string, Work>;

export type WorkName = keyof typeof WORK;

export const WORK_ASSUMED = {
  /** A quarter of a processor for each unit of capacity. */
  processorsPerAcu: 0.25,
  databaseMillisecondsPerStatement: 0.7,
  databaseMillisecondsPerRowChange: 0.1,
  /** Log records that Aurora writes, 4 KB each. */
  iosPerWritingStatement: 1.5,
  iosPerRowChange: 0.5,
  socketMilliseconds: 20,
  kbPerRequestByNat: 4,
  kbPerFrame: 1,
  accessLogKb: 0.5,
  logKbPerInvocation: 1.5,
} as const;

const gbSeconds = (milliseconds: number, memoryMiB: number) => (milliseconds / 1000) * (memoryMiB / 1024);

/** Returns the usage of `count` units of work, in addition to an idle month. Rows and logs are kept for a month. */
export function usageOf(work: Work, count: number, inventory: Inventory): Usage {
  const assumed = WORK_ASSUMED;
  const connections = work.socketMinutes > 0 ? 1 : 0;
  const socketCalls = work.socketCalls + connections * inventory.connectionChecks;
  const calls = work.httpRequests + work.workerCalls + socketCalls;
  const databaseMs =
    work.statements * assumed.databaseMillisecondsPerStatement +
    work.rowChanges * assumed.databaseMillisecondsPerRowChange;
  const writes = work.rowChanges > 0 ? work.statements : 0;
  const ios = writes * assumed.iosPerWritingStatement + work.rowChanges * assumed.iosPerRowChange;
  const outGb = (work.httpRequests > 0 ? work.replyKb : 0) / 1e6;
  const frameGb = (work.socketMessages * assumed.kbPerFrame) / 1e6;
  const logGb =
    (calls * assumed.logKbPerInvocation + (work.httpRequests + work.socketCalls) * assumed.accessLogKb) / 1e6;
  const requests = work.httpRequests + connections;
  const each: Usage = {
    auroraAcuHours: databaseMs / assumed.processorsPerAcu / 3.6e6,
    auroraIos: ios,
    auroraGbMonths: work.storedKb / 1e6,
    natGatewayGb: inventory.natGateways > 0 ? (work.requestsByNat * assumed.kbPerRequestByNat) / 1e6 : 0,
    lambdaRequests: calls,
    lambdaGbSeconds:
      gbSeconds(work.apiMilliseconds, FUNCTIONS.api.memoryMiB) +
      gbSeconds(work.workerMilliseconds, FUNCTIONS.worker.memoryMiB) +
      gbSeconds(socketCalls * assumed.socketMilliseconds, FUNCTIONS.socket.memoryMiB),
    httpRequests: work.httpRequests,
    socketMessages: work.socketMessages,
    socketMinutes: work.socketMinutes,
    sqsRequests: work.queueRequests,
    sqsFairRequests: work.queueRequests,
    busEvents: work.busEvents,
    logGb,
    logGbMonths: logGb,
    internetGb: inventory.frontDoor ? 0 : outGb + frameGb,
    cdnGb: inventory.frontDoor ? outGb + frameGb : 0,
    cdnRequests: inventory.frontDoor ? requests : 0,
    cdnFunctionCalls: inventory.frontDoorFunctions ? connections : 0,
    wafRequests: inventory.wafAcls > 0 ? requests : 0,
  };
  const traces = inventory.traced ? sampledTraces((work.httpRequests + work.workerCalls) * count) : 0;
  return plus(times(each, count), { traces });
}

/**
 * Returns the traces that X-Ray's default rule records of this number of calls, spread evenly over a month: the first
 * call of each second, and one in twenty of the others. This is the only item here that gets cheaper with volume.
 */
export function sampledTraces(calls: number): number {
  const seconds = HOURS * 3600;
  return Math.min(calls, seconds) + 0.05 * Math.max(0, calls - seconds);
}
