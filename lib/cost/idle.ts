import { HOURS, type Usage } from './bill.ts';
import { type Inventory, perMonth } from './inventory.ts';

/** Assumptions that neither a template nor a measurement gives. They are higher than the usual needs of such functions. */
export const IDLE_ASSUMED = {
  /** Lambda documents five batches at a time. They shrink to two only when no maximum concurrency is set. */
  pollersPerQueue: 5,
  /** Lambda's long poll: 15 empty receives per minute were observed with five pollers. */
  pollSeconds: 20,
  /** A tick of each function, cold starts and the provider's answering time included. */
  tickMilliseconds: { dispatcher: 100, prices: 1500 } as Record<string, number>,
  otherTickMilliseconds: 200,
  /** Lines of the platform and our own lines. */
  logKbPerInvocation: 1.5,
  /** Reads that miss the cache, and log records that are written. */
  iosPerTick: 30,
  /** The smallest volume of Aurora. Only its used part is billed. */
  storageGb: 10,
  diskGbPerInstance: 8,
  /** Prices, tokens and messages that leave through the NAT. */
  natGb: 0.5,
} as const;

/** Minimum seconds without connections after which Aurora pauses a cluster with `minCapacity` 0. */
const PAUSE_SECONDS = 300;
/** Capacity of a cluster that may pause, while it is awake and nearly idle. */
const AWAKE_CAPACITY = 0.5;

/**
 * Returns the ACUs that an idle instance is billed for on average.
 *
 * A cluster with a minimum of 0 sleeps only when the time between ticks is longer than the time before the pause.
 * Connections that frozen sandboxes keep open would keep the cluster awake for longer, but are not counted here.
 */
export function idleCapacity(minCapacity: number, ticksEverySeconds: readonly number[]): number {
  if (minCapacity > 0) return minCapacity;
  const interval = Math.min(...ticksEverySeconds);
  return AWAKE_CAPACITY * Math.min(1, PAUSE_SECONDS / interval);
}

/** Returns the usage of a month without calls and due tasks: only the rules tick, and Lambda polls the queues. */
export function idleUsage(inventory: Inventory): Usage {
  const { aurora, ticks, polledQueues } = inventory;
  const calls = ticks.reduce((sum, tick) => sum + perMonth(tick.everySeconds), 0);
  const logGb = (calls * IDLE_ASSUMED.logKbPerInvocation) / 1e6;
  const capacity = idleCapacity(
    aurora.minCapacity,
    ticks.map(({ everySeconds }) => everySeconds),
  );
  return {
    auroraAcuHours: capacity * aurora.instances * HOURS,
    auroraGbMonths: IDLE_ASSUMED.storageGb,
    auroraIos: calls * IDLE_ASSUMED.iosPerTick,
    auroraBackupGbMonths: aurora.backupDays > 1 ? IDLE_ASSUMED.storageGb : 0,
    natInstanceHours: inventory.natInstances * HOURS,
    diskGbMonths: inventory.natInstances * IDLE_ASSUMED.diskGbPerInstance,
    natGatewayHours: inventory.natGateways * HOURS,
    natGatewayGb: inventory.natGateways > 0 ? IDLE_ASSUMED.natGb : 0,
    publicIpHours: inventory.publicIps * HOURS,
    interfaceEndpointHours: inventory.interfaceEndpoints * HOURS,
    lambdaRequests: calls,
    lambdaGbSeconds: ticks.reduce((sum, tick) => {
      const ms = IDLE_ASSUMED.tickMilliseconds[tick.functionName] ?? IDLE_ASSUMED.otherTickMilliseconds;
      return sum + perMonth(tick.everySeconds) * (ms / 1000) * (tick.memoryMiB / 1024);
    }, 0),
    sqsRequests: polledQueues * IDLE_ASSUMED.pollersPerQueue * perMonth(IDLE_ASSUMED.pollSeconds),
    logGb,
    logGbMonths: (logGb * inventory.logRetentionDays) / 30,
    alarms: inventory.alarms,
    metrics: inventory.metrics,
    dashboards: inventory.dashboards,
    traces: inventory.traced ? calls : 0,
    secrets: inventory.secrets,
    kmsKeys: inventory.kmsKeys,
    hostedZones: inventory.hostedZones,
    wafAcls: inventory.wafAcls,
    wafRules: inventory.wafRules,
  };
}
