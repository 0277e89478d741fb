import { HOURS, type Usage } from './bill.ts';
import { type Inventory, perMonth } from './inventory.ts';

/** What no template says, and nothing here measures: on the safe side of what such functions usually need. */
export const IDLE_ASSUMED = {
  /** Lambda documents five batches at a time, which only shrink to two where no maximum concurrency is set. */
  pollersPerQueue: 5,
  /** Lambda's long poll: 15 empty receives a minute were seen with five pollers. */
  pollSeconds: 20,
  /** A tick of each function, cold starts and the provider's answering time included. */
  tickMilliseconds: { dispatcher: 100, prices: 1500 } as Record<string, number>,
  otherTickMilliseconds: 200,
  /** Platform lines and our own. */
  logKbPerInvocation: 1.5,
  /** Reads that the cache has not, and log records that are written. */
  iosPerTick: 30,
  /** The smallest volume that Aurora makes; what is billed is what is used of it. */
  storageGb: 10,
  diskGbPerInstance: 8,
  /** Prices, tokens and sends that leave by the NAT. */
  natGb: 0.5,
} as const;

/** Aurora pauses a cluster with `minCapacity` 0 when nobody was connected for this long, at the earliest. */
const PAUSE_SECONDS = 300;
/** What a cluster that may pause runs at while it is awake and has next to nothing to do. */
const AWAKE_CAPACITY = 0.5;

/**
 * ACUs that an idle instance is billed for on average.
 *
 * A cluster with a minimum of 0 sleeps only between ticks that are further apart than the pause needs. Connections
 * that frozen sandboxes keep open are left out here, though they hold it awake for longer.
 */
export function idleCapacity(minCapacity: number, ticksEverySeconds: readonly number[]): number {
  if (minCapacity > 0) return minCapacity;
  const interval = Math.min(...ticksEverySeconds);
  return AWAKE_CAPACITY * Math.min(1, PAUSE_SECONDS / interval);
}

/** A month in which nobody calls and no task is due: only the rules tick and Lambda polls the queues. */
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
