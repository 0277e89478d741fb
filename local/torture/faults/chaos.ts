import { setTimeout as sleep } from 'node:timers/promises';
import type { Runtime } from '../../runtime.ts';
import type { Audit } from '../ledger/audit.ts';
import type { Random } from '../work/random.ts';
import type { Hit } from '../work/target.ts';
import { clockOffset } from './clock-offset.ts';
import { connectedProcess } from './connected-process.ts';
import type { UnreliableQueues } from './unreliable-queues.ts';

/** What was done to the system. */
export interface Harm {
  kills: number;
  /** Workers that stood still for longer than their lease. */
  stalls: number;
  /** Of these, those that went on while another one was at the same task. */
  takenOver: number;
  /** Of those killed or stalled, the ones whose clock was wrong. */
  wrongClocks: number;
  cuts: number;
  connectionsCut: number;
  queueRestarts: number;
  queueWipes: number;
  ticks: number;
  /** Ticks whose dispatcher was killed meanwhile. */
  ticksKilled: number;
}

export interface Chaos {
  readonly harm: Readonly<Harm>;
  /** A request has reached the target: a worker is in the middle of an attempt. */
  notice(hit: Hit): void;
  /** From now on there are only ticks: what was harmed has to come to its end. */
  calm(): void;
  /** Ends it, and lets those go on who stand still. Rejects when some of it could not be done. */
  stop(): Promise<void>;
}

export interface ChaosOptions {
  readonly runtime: Pick<Runtime, 'sandboxes' | 'invoke'>;
  readonly queues: Pick<UnreliableQueues, 'restart'>;
  readonly audit: Pick<Audit, 'cutConnections'>;
  readonly random: Random;
  readonly leaseSeconds: number;
  /** When the queue loses everything. */
  readonly wipeAfterSeconds: number;
}

/** Workers when there is work for all of them. */
const WORKERS = 4;

/** Seconds from one to the next. */
const EVERY = {
  kill: [1, 3],
  stall: [2, 5],
  cut: [2, 2],
  restart: [8, 16],
  tick: [1, 3],
} as const satisfies Record<string, readonly [number, number]>;

/** A request that is answered after so long leaves time to stop its worker, and to let it go on during the next attempt. */
const STALL_AT_MS = 700;

/** A worker stands still for so much longer than its lease, unless its task is begun again before. */
const STALL_SECONDS = 12;

/** The queue server is away for so long. */
const DOWN_MS = [200, 1_500] as const;

/** One in so many ticks loses its dispatcher. */
const TICK_KILLED = 6;

/** Harms the system in every way that it must survive, until it is stopped. */
export function startChaos(options: ChaosOptions): Chaos {
  const { runtime, queues, audit, random, leaseSeconds } = options;
  const stopping = new AbortController();
  let isCalm = false;
  /** The worker that stands still, and the task that it was at. */
  let standing: { pid: number; taskId: string; goOn: AbortController } | undefined;
  let stallsFrom = 0;
  /** Once a task: the last long one would otherwise be stopped at each of its attempts, and never end. */
  const stalled = new Set<string>();
  const harm: Harm = {
    kills: 0,
    stalls: 0,
    takenOver: 0,
    wrongClocks: 0,
    cuts: 0,
    connectionsCut: 0,
    queueRestarts: 0,
    queueWipes: 0,
    ticks: 0,
    ticksKilled: 0,
  };

  const pause = (seconds: number) => sleep(seconds * 1_000, undefined, { signal: stopping.signal });

  async function again([low, high]: readonly [number, number], act: () => Promise<void>): Promise<void> {
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
   * Any of the four; undefined when it is one that has had nothing to do yet, else the last task would never end. Not
   * the one that stands still: it would not live to go on.
   */
  function aWorker(): number | undefined {
    const pids = runtime.sandboxes('worker');
    const pid = pids[random.whole(1, Math.max(WORKERS, pids.length)) - 1];
    return pid === standing?.pid ? undefined : pid;
  }

  async function kill(): Promise<void> {
    const pid = aWorker();
    if (isCalm || pid === undefined || !signalled(pid, 'SIGKILL')) return;
    harm.kills += 1;
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
  }

  /**
   * Stops a worker in the middle of an attempt until its lease is over and another worker is at the task. Then it goes
   * on, and has an answer to settle the wrong attempt with.
   */
  async function stall({ idempotencyKey: taskId, ports }: Hit): Promise<void> {
    const pid = await connectedProcess(runtime.sandboxes('worker'), ...ports);
    if (pid === undefined || !signalled(pid, 'SIGSTOP')) return;
    harm.stalls += 1;
    stalled.add(taskId);
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
    const goOn = new AbortController();
    standing = { pid, taskId, goOn };
    const signal = AbortSignal.any([stopping.signal, goOn.signal]);
    await sleep((leaseSeconds + STALL_SECONDS) * 1_000, undefined, { signal }).catch(() => {});
    if (goOn.signal.aborted) harm.takenOver += 1;
    signalled(pid, 'SIGCONT');
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
      if (pid !== undefined && signalled(pid, 'SIGKILL')) harm.ticksKilled += 1;
    }
    await ticked;
  }

  const all = [
    again(EVERY.kill, kill),
    again(EVERY.cut, cut),
    again(EVERY.restart, () => restart(false)),
    again(EVERY.tick, tick),
    pause(options.wipeAfterSeconds).then(
      () => restart(true),
      () => {},
    ),
  ];
  // Looked at when it is stopped.
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

/** False: it has just ended. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
