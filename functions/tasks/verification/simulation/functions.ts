import { setTimeout as sleep } from 'node:timers/promises';
import { noArtifacts } from '../../artifacts/testing/no-artifacts.ts';
import { recordDeadLetters, rescueTasks } from '../../dispatcher/rescue.ts';
import { tick } from '../../dispatcher/tick.ts';
import { eventPublisher } from '../../events/event-publisher.ts';
import { askNoInputs } from '../../inputs/testing/no-inputs.ts';
import type { DispatchSettings, WakeUp } from '../../task.ts';
import type { Received } from '../../worker/intake.ts';
import { type ExecuteDeps, execute } from '../../worker/worker.ts';
import { inlineTasks } from '../fixtures.ts';
import type { Sandbox } from './clock.ts';
import type { SimulatedDatabase } from './database.ts';
import { kindIn } from './handlers.ts';
import { enqueueFrom, type Receipt, type SimulatedQueue } from './queue.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

/** Time limits of the functions in seconds. */
const LIMIT_SECONDS = { worker: 900, 'dead-letters': 60, dispatcher: 60 };

/** Sandboxes that receive messages of one queue at once. */
const AT_ONCE = 2;

export type Stage = {
  world: World;
  database: SimulatedDatabase;
  queues: Record<WakeUp['queue'], SimulatedQueue>;
  deadLetters: SimulatedQueue;
  dispatch: DispatchSettings;
  leaseSeconds: number;
  witness: Witness;
  nextId: () => string;
};

/** Runs the functions of the engine as Lambda does. */
export function startFunctions(stage: Stage): void {
  const { world, queues, deadLetters } = stage;
  for (const queue of [queues.interactive, queues.bulk]) {
    const handle: Handle = (sandbox, receipts) => work(stage, sandbox, { queue, receipts });
    consume(world, queue, { name: 'worker', handle });
  }
  consume(world, deadLetters, {
    name: 'dead-letters',
    handle: async (sandbox, receipts) => {
      const db = stage.database.connect(sandbox);
      const ids = receipts.flatMap((receipt) => receipt.ids);
      await recordDeadLetters({ db, announce: () => {} }, ids, stage.database.statementsOf(sandbox));
    },
  });
  everyMinute(stage);
}

/** Handles messages as handlers/worker.ts does. */
async function work(
  stage: Stage,
  sandbox: Sandbox,
  { queue, receipts }: { queue: SimulatedQueue; receipts: readonly Receipt[] },
): Promise<void> {
  const { world, witness } = stage;
  const startedAt = world.clock.now;
  const statements = stage.database.statementsOf(sandbox);
  const definition = kindIn(world, sandbox, (id, attempt) => witness.started(id, attempt));
  const ended = eventPublisher(
    () => world.request(sandbox, () => {}),
    () => {},
  );
  const deps: ExecuteDeps = {
    db: stage.database.connect(sandbox),
    dispatch: stage.dispatch,
    leaseSeconds: stage.leaseSeconds,
    ...inlineTasks(() => [definition]),
    fetch: () => Promise.reject(new Error('There is no network here')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    receive: () => receive(stage, sandbox, queue),
    putArtifact: () => Promise.reject(new Error('There is no bucket here')),
    artifactsOf: noArtifacts,
    inputsOf: () => askNoInputs,
    log: () => {},
    announce: ended.announce,
    enqueue: enqueueFrom(world, sandbox, stage.queues),
    announceReports: () => {},
  };
  const redelivered = receipts.filter((receipt) => receipt.redelivered).flatMap(({ ids }) => ids);
  if (redelivered.length > 0) await rescueTasks(deps, redelivered, statements);
  const remaining = () => LIMIT_SECONDS.worker - (world.clock.now - startedAt) / 1000;
  await execute(
    deps,
    receipts.flatMap(({ ids }) => ids),
    { remainingSeconds: remaining, statements },
  ).finally(ended.flush);
}

/** Receives further messages as handlers/worker.ts does. */
async function receive(stage: Stage, sandbox: Sandbox, queue: SimulatedQueue): Promise<Received[]> {
  const { world } = stage;
  // A long poll ends when a message arrives, or after a second.
  await sleep(world.random.between(0, 1_000));
  const receipts = await world.request(sandbox, () => queue.receive());
  const redelivered = receipts.filter((receipt) => receipt.redelivered).flatMap(({ ids }) => ids);
  const deps = { db: stage.database.connect(sandbox), announce: () => {} };
  if (redelivered.length > 0) await rescueTasks(deps, redelivered, stage.database.statementsOf(sandbox));
  return receipts.map((receipt) => ({
    ids: receipt.ids,
    // Best effort, as in aws/receive.ts.
    remove: () => world.request(sandbox, () => queue.remove(receipt)).catch(() => {}),
  }));
}

function everyMinute(stage: Stage): void {
  const { world } = stage;
  const round = { lane: null };
  const { clock, random, faults } = world;
  const invoke = () => {
    const startedAt = clock.now;
    const remaining = () => LIMIT_SECONDS.dispatcher - (clock.now - startedAt) / 1000;
    world.start({
      name: 'dispatcher',
      limitSeconds: LIMIT_SECONDS.dispatcher,
      work: async (sandbox) => {
        const enqueue = enqueueFrom(world, sandbox, stage.queues);
        const deps = {
          db: stage.database.connect(sandbox),
          enqueue,
          announce: () => {},
          dispatch: stage.dispatch,
          round,
        };
        await tick(deps, remaining, stage.database.statementsOf(sandbox));
      },
    });
  };
  const minute = () => {
    clock.after(60_000, undefined, minute);
    if (random.chance(faults().missedTick)) return;
    invoke();
    if (random.chance(faults().doubled)) clock.after(random.between(0, 30), undefined, invoke);
  };
  minute();
}

type Handle = (sandbox: Sandbox, receipts: readonly Receipt[]) => Promise<void>;

/** Delivers a queue's messages to sandboxes, and deletes the handled ones. */
function consume(
  world: World,
  queue: SimulatedQueue,
  { name, handle }: { name: keyof typeof LIMIT_SECONDS; handle: Handle },
): void {
  let busy = 0;
  const poll = () => {
    while (busy < AT_ONCE) {
      const receipts = queue.receive();
      if (receipts.length === 0) return;
      busy += 1;
      world.start({
        name,
        limitSeconds: LIMIT_SECONDS[name],
        work: async (sandbox) => {
          await handle(sandbox, receipts);
          if (!sandbox.alive) return;
          for (const receipt of receipts) queue.remove(receipt);
        },
        onEnd: () => {
          busy -= 1;
          world.clock.after(0, undefined, poll);
        },
      });
    }
  };
  queue.onVisible = poll;
}
