import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../../process/signal.ts';
import type { Runtime } from '../../runtime.ts';
import type { Audit } from '../ledger/audit.ts';
import type { Random } from '../work/random.ts';
import type { Hit } from '../work/target.ts';
import { clockOffset } from './clock-offset.ts';
import { connectedProcess } from './connected-process.ts';
import type { UnreliableQueues } from './unreliable-queues.ts';

/** Counts of the injected faults, at the start of a run. */
const NO_HARM = {
  kills: 0,
  /** Workers that were stopped for longer than their lease. */
  stalls: 0,
  /** Stalled workers that continued while another worker had their task. */
  takenOver: 0,
  /** Killed or stalled workers whose clock was wrong. */
  wrongClocks: 0,
  cuts: 0,
  connectionsCut: 0,
  queueRestarts: 0,
  queueWipes: 0,
  ticks: 0,
  /** Ticks during which the dispatcher was killed. */
  ticksKilled: 0,
};

export type Harm = typeof NO_HARM;

export interface Chaos {
  readonly harm: Readonly<Harm>;
  /** Reports a request at the target: a worker is in the middle of an attempt. */
  notice(hit: Hit): void;
  /** Ends all faults except ticks, so that the remaining tasks can end. */
  calm(): void;
  /** Stops the chaos and lets stalled workers continue. Rejects when a fault could not be injected. */
  stop(): Promise<void>;
}

export interface ChaosOptions {
  readonly runtime: Pick<Runtime, 'sandboxes' | 'invoke'>;
  readonly queues: Pick<UnreliableQueues, 'restart'>;
  readonly audit: Pick<Audit, 'cutConnections'>;
  readonly random: Random;
  readonly leaseSeconds: number;
  /** Seconds after which the queue loses all messages. */
  readonly wipeAfterSeconds: number;
}

/** Number of workers when there is work for all of them. */
const WORKERS = 4;

/** Seconds between two faults of a kind: lower and upper bound. */
const EVERY = {
  kill: [1, 3],
  stall: [2, 5],
  cut: [2, 2],
  restart: [8, 16],
  tick: [1, 3],
} as const satisfies Record<string, readonly [number, number]>;

/**
 * Shortest wait of a request whose worker is stalled. It leaves time to stop the worker, and to continue it during the
 * next attempt.
 */
const STALL_AT_MS = 700;

/** Seconds beyond its lease for which a worker is stalled, unless its task starts again earlier. */
const STALL_SECONDS = 12;

/** Milliseconds for which the queue server is away: lower and upper bound. */
const DOWN_MS = [200, 1_500] as const;

/** One of this many ticks loses its dispatcher. */
const TICK_KILLED = 6;

/** Injects every fault that the system must survive, until it is stopped. */
export function startChaos(options: ChaosOptions): Chaos {
  const { runtime, queues, audit, random, leaseSeconds } = options;
  const stopping = new AbortController();
  let isCalm = false;
  /** The stalled worker, and the task that it was running. */
  let standing: { pid: number; taskId: string; goOn: AbortController } | undefined;
  let stallsFrom = 0;
  /** Each task is stalled once. Otherwise the last long task would be stalled at each attempt and never end. */
  const stalled = new Set<string>();
  const harm = { ...NO_HARM };

  const pause = (seconds: number) => sleep(seconds * 1_000, undefined, { signal: stopping.signal });

  async function repeat([low, high]: readonly [number, number], act: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await pause(random.between(low, high));
      } catch {
        return;
      }
      await act();
    }
  }

  /**
   * Picks one of the four workers at random. Returns undefined for a worker that does not exist yet, because the last
   * task would otherwise never end. Returns undefined for the stalled worker too, which must live to continue.
   */
  function aWorker(): number | undefined {
    const pids = runtime.sandboxes('worker');
    const pid = pids[random.whole(1, Math.max(WORKERS, pids.length)) - 1];
    return pid === standing?.pid ? undefined : pid;
  }

  async function kill(): Promise<void> {
    const pid = aWorker();
    if (isCalm || pid === undefined || !signal(pid, 'SIGKILL')) return;
    harm.kills += 1;
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
  }

  /**
   * Stops a worker in the middle of an attempt until its lease is over and another worker has the task. Then the worker
   * continues with an outcome of the wrong attempt.
   */
  async function stall({ idempotencyKey: taskId, ports }: Hit): Promise<void> {
    const pid = await connectedProcess(runtime.sandboxes('worker'), ...ports);
    if (pid === undefined || !signal(pid, 'SIGSTOP')) return;
    harm.stalls += 1;
    stalled.add(taskId);
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
    const goOn = new AbortController();
    standing = { pid, taskId, goOn };
    const ending = AbortSignal.any([stopping.signal, goOn.signal]);
    await sleep((leaseSeconds + STALL_SECONDS) * 1_000, undefined, { signal: ending }).catch(() => {});
    if (goOn.signal.aborted) harm.takenOver += 1;
    signal(pid, 'SIGCONT');
    standing = undefined;
    stallsFrom = performance.now() + random.between(...EVERY.stall) * 1_000;
  }

  let stalling: Promise<void> | undefined;
  function notice(hit: Hit): void {
    if (standing?.taskId === hit.idempotencyKey) standing.goOn.abort();
    const mayStall = !isCalm && !stalling && !stopping.signal.aborted && performance.now() > stallsFrom;
    if (hit.waitMs < STALL_AT_MS || !mayStall || stalled.has(hit.idempotencyKey)) return;
    stalling = stall(hit).finally(() => {
      stalling = undefined;
    });
  }

  async function cut(): Promise<void> {
    if (isCalm) return;
    harm.cuts += 1;
    harm.connectionsCut += await audit.cutConnections();
  }

  let restarting = Promise.resolve();
  async function restart(wiped: boolean): Promise<void> {
    if (isCalm) return;
    const downMs = random.between(...DOWN_MS);
    restarting = restarting.then(() => queues.restart({ downMs, wiped }));
    await restarting;
    if (wiped) harm.queueWipes += 1;
    else harm.queueRestarts += 1;
  }

  async function tick(): Promise<void> {
    harm.ticks += 1;
    const ticked = runtime.invoke('dispatcher').catch(() => {});
    if (!isCalm && random.whole(1, TICK_KILLED) === 1) {
      await sleep(random.between(0, 20));
      const pid = random.oneOf(runtime.sandboxes('dispatcher'));
      if (pid !== undefined && signal(pid, 'SIGKILL')) harm.ticksKilled += 1;
    }
    await ticked;
  }

  const all = [
    repeat(EVERY.kill, kill),
    repeat(EVERY.cut, cut),
    repeat(EVERY.restart, () => restart(false)),
    repeat(EVERY.tick, tick),
    pause(options.wipeAfterSeconds).then(
      () => restart(true),
      () => {},
    ),
  ];
  // `stop` reports the failures.
  for (const each of all) each.catch(() => {});

  return {
    harm,
    notice,
    calm: () => {
      isCalm = true;
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([...all, stalling]);
    },
  };
}
