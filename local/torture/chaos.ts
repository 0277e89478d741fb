import { setTimeout as sleep } from 'node:timers/promises';
import type { Runtime } from '../runtime.ts';
import type { Audit } from './audit.ts';
import { clockOffset } from './clock-offset.ts';
import type { Random } from './random.ts';
import type { UnreliableQueues } from './unreliable-queues.ts';

/** What was done to the system. */
export interface Harm {
  kills: number;
  /** Workers that stood still for longer than their lease, and went on as if nothing had happened. */
  stalls: number;
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
  stall: [3, 6],
  cut: [2, 2],
  restart: [8, 16],
  tick: [1, 3],
} as const satisfies Record<string, readonly [number, number]>;

/** The queue server is away for so long. */
const DOWN_MS = [200, 1_500] as const;

/** One in so many ticks loses its dispatcher. */
const TICK_KILLED = 6;

/** Harms the system in every way that it must survive, until it is stopped. */
export function startChaos(options: ChaosOptions): Chaos {
  const { runtime, queues, audit, random, leaseSeconds } = options;
  const stopping = new AbortController();
  const standing = new Set<number>();
  const harm: Harm = {
    kills: 0,
    stalls: 0,
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

  /** Any of the four; undefined when it is one that has had nothing to do yet. Else the last task would never end. */
  function aWorker(): number | undefined {
    const pids = runtime.sandboxes('worker');
    return pids[random.whole(1, Math.max(WORKERS, pids.length)) - 1];
  }

  async function kill(): Promise<void> {
    const pid = aWorker();
    if (pid === undefined || !signalled(pid, 'SIGKILL')) return;
    harm.kills += 1;
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
  }

  /** Until the lease is over and its tasks are somebody else's. */
  async function stall(): Promise<void> {
    const pid = aWorker();
    if (pid === undefined || !signalled(pid, 'SIGSTOP')) return;
    harm.stalls += 1;
    if (clockOffset(pid) !== 0) harm.wrongClocks += 1;
    standing.add(pid);
    await pause(leaseSeconds + random.between(0.5, 4)).catch(() => {});
    standing.delete(pid);
    signalled(pid, 'SIGCONT');
  }

  async function cut(): Promise<void> {
    harm.cuts += 1;
    harm.connectionsCut += await audit.cutConnections();
  }

  let restarting = Promise.resolve();
  async function restart(wiped: boolean): Promise<void> {
    const downMs = random.between(...DOWN_MS);
    restarting = restarting.then(() => queues.restart({ downMs, wiped }));
    await restarting;
    if (wiped) harm.queueWipes += 1;
    else harm.queueRestarts += 1;
  }

  async function tick(): Promise<void> {
    harm.ticks += 1;
    const ticked = runtime.invoke('dispatcher').catch(() => {});
    if (random.whole(1, TICK_KILLED) === 1) {
      await sleep(random.between(0, 20));
      const pid = random.oneOf(runtime.sandboxes('dispatcher'));
      if (pid !== undefined && signalled(pid, 'SIGKILL')) harm.ticksKilled += 1;
    }
    await ticked;
  }

  const all = [
    again(EVERY.kill, kill),
    again(EVERY.stall, stall),
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
    stop: async () => {
      stopping.abort();
      for (const pid of standing) signalled(pid, 'SIGCONT');
      await Promise.all(all);
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
