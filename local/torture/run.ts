import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { directoryOfRun } from '../postgres/directory-of-run.ts';
import { type Runtime, startRuntime } from '../runtime.ts';
import { impatientAssembly } from './assembly.ts';
import { type Harm, startChaos } from './faults/chaos.ts';
import { startUnreliableQueues, type UnreliableQueues } from './faults/unreliable-queues.ts';
import { startAudit } from './ledger/audit.ts';
import { type Evidence, histories } from './ledger/history.ts';
import { unfinishedAt, violations } from './ledger/rules.ts';
import { startCallers } from './work/callers.ts';
import { plan } from './work/plan.ts';
import { seeded } from './work/random.ts';
import { startTarget } from './work/target.ts';

/** The cost of a worker's death. It is short, so that a run experiences it many times. */
const LEASE_SECONDS = 5;
const RESEND_SECONDS = 8;
const VISIBILITY_SECONDS = 10;
/** Receives before a message becomes a dead letter. So few that this happens now and then. */
const MAX_RECEIVES = 3;

/**
 * Creation lasts this many seconds, long enough for all faults, at a rate between `atLeast` and `atMost` tasks per
 * second.
 */
const CREATION = { seconds: 25, atLeast: 40, atMost: 400 } as const;

/**
 * Creations wait while more tasks than this are unfinished. Tasks that wait too long for a worker get message after
 * message.
 */
const MAX_UNFINISHED = 1_000;

/**
 * Longest duration of a run in seconds: a constant, and an addition for each thousand tasks. A slow machine of two cores
 * completes 24 tasks per second, which is 42 seconds for each thousand.
 */
const LIMIT = { seconds: 150, perThousand: 80 } as const;

/**
 * Seconds from the last creation to the end of the faults. Otherwise the last long task would be killed again and
 * again.
 */
const CALM_AFTER_SECONDS = 60;

/**
 * Seconds after which undeleted messages are gone: `MAX_RECEIVES` receives in their queue and as many as dead letters.
 */
const DRAIN_SECONDS = (2 * MAX_RECEIVES + 1) * VISIBILITY_SECONDS;

const LOOK_SECONDS = 0.5;

const LOOKS_PER_LINE = 20;

const CLOCK_SHIFT = new URL('./faults/clock-shift.ts', import.meta.url).href;

export interface TortureOptions {
  readonly tasks: number;
  readonly seed: number;
  readonly log: (line: string) => void;
  /** Ends the run early. An early end also leaves nothing behind. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly evidence: Evidence;
  readonly harm: Harm;
  /** Number of messages that were sent a second time. */
  readonly doubled: number;
  /** Number of messages that became dead letters. */
  readonly deadLetters: number;
  /** Number of creations whose answer did not say whether the task exists. */
  readonly unanswered: number;
  readonly seconds: number;
  /** Violations by rule, with an entry for every rule. */
  readonly violations: ReadonlyMap<string, readonly string[]>;
}

/** Runs that many tasks while faults are injected, and checks the histories of the tasks against the rules. */
export async function torture(options: TortureOptions): Promise<Outcome> {
  const { tasks, seed, log } = options;
  await using undo = new AsyncDisposableStack();
  const { runtime, queues, audit, target } = await startSystem(undo, log);
  const limitSeconds = LIMIT.seconds + (LIMIT.perThousand * tasks) / 1_000;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(limitSeconds * 1_000)]);
  const perSecond = Math.min(CREATION.atMost, Math.max(CREATION.atLeast, tasks / CREATION.seconds));
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;

  let unfinished = 0;
  const callers = await startCallers({
    url: runtime.url,
    target: target.url,
    random: seeded(seed, 'callers'),
    perSecond,
    isBacklogged: () => unfinished > MAX_UNFINISHED,
    signal,
  });
  undo.defer(callers.stop);
  const chaos = startChaos({
    runtime,
    queues,
    audit,
    random: seeded(seed, 'chaos'),
    leaseSeconds: LEASE_SECONDS,
    wipeAfterSeconds: tasks / perSecond / 2,
  });
  undo.defer(chaos.stop);
  target.onHit = (hit) => {
    callers.started(hit.idempotencyKey);
    chaos.notice(hit);
  };

  const creation = { overAt: Number.POSITIVE_INFINITY, failure: undefined as unknown };
  void callers
    .create(plan(tasks, seeded(seed, 'plan')))
    .catch((failure: unknown) => {
      creation.failure = failure;
    })
    .finally(() => {
      creation.overAt = seconds();
    });
  for (let looks = 1; !signal.aborted; looks += 1) {
    await sleep(LOOK_SECONDS * 1_000);
    callers.considerRetries(await audit.stopped());
    unfinished = await audit.unfinished();
    if (looks % LOOKS_PER_LINE === 0)
      log(`${seconds().toFixed(0)} s: ${callers.created.size} tasks created, ${unfinished} unfinished`);
    const sinceCreation = seconds() - creation.overAt;
    if (sinceCreation > CALM_AFTER_SECONDS) chaos.calm();
    if (sinceCreation >= 0 && (creation.failure || (unfinished === 0 && !callers.isBusy()))) break;
  }
  options.signal.throwIfAborted();
  if (creation.failure && !signal.aborted) throw creation.failure;

  const endedAt = Date.now();
  await chaos.stop();
  const messages = await drained(runtime, queues);
  const evidence: Evidence = {
    created: callers.created,
    changes: callers.changes,
    hits: target.hits,
    rows: await audit.rows(),
    moves: await audit.moves(),
    ledger: await audit.ledger(),
  };
  const all = histories(evidence);
  return {
    evidence,
    harm: chaos.harm,
    doubled: queues.doubled(),
    deadLetters: runtime.deployment.mappings
      .filter(({ functionName }) => functionName.endsWith('-dead-letters'))
      .reduce((sum, { queueName }) => sum + queues.received(queueName), 0),
    unanswered: callers.unanswered(),
    seconds: seconds(),
    violations: violations(all)
      .set('messages left', messages)
      .set(
        'out of time',
        signal.aborted ? [`${callers.created.size} of ${tasks} created`, ...unfinishedAt(all, endedAt)] : [],
      ),
  };
}

/** Starts the whole system with its own directory and database, and the audit of its rows. */
async function startSystem(undo: AsyncDisposableStack, log: (line: string) => void) {
  const directory = await directoryOfRun('torture');
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const target = await startTarget();
  undo.defer(target.stop);
  const assembly = await impatientAssembly(
    join(directory, 'assembly'),
    {
      visibilitySeconds: VISIBILITY_SECONDS,
      maxReceives: MAX_RECEIVES,
      workerVariables: { NODE_OPTIONS: `--import=${CLOCK_SHIFT}` },
    },
    log,
  );
  let queues: UnreliableQueues | undefined;
  const runtime = await startRuntime({
    dataDir: join(directory, 'data'),
    assembly,
    // The chaos invokes the dispatcher.
    schedules: false,
    startQueues: async (options) => {
      queues = await startUnreliableQueues(options);
      return queues;
    },
    env: {
      OUTBOUND_LOOPBACK: 'allowed',
      LEASE_SECONDS: `${LEASE_SECONDS}`,
      DISPATCH_RESEND_SECONDS: `${RESEND_SECONDS}`,
      // All requests go to one host. The other limits are as deployed.
      QUOTAS: JSON.stringify({ requests_per_second: 1_000, requests_at_once: 1_000 }),
    },
  });
  undo.defer(runtime.stop);
  if (!queues) throw new Error('the runtime has not started its queues');
  const audit = await startAudit(runtime.databaseUrl);
  undo.defer(audit.close);
  return { runtime, queues, audit, target };
}

/** Waits until no queue has messages. @returns the queues that still have some, with their number */
async function drained({ deployment }: Runtime, queues: UnreliableQueues): Promise<string[]> {
  for (const deadline = performance.now() + DRAIN_SECONDS * 1_000; ; ) {
    const left: string[] = [];
    for (const { name, url } of deployment.queues) {
      const depth = await queues.depth(url);
      if (depth > 0) left.push(`${name} has ${depth}`);
    }
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(LOOK_SECONDS * 1_000);
  }
}
