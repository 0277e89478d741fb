import { networkLane, type Timed } from '../../store/index.ts';
import { ON_FAILURE, type Queue, type Task } from '../../task.ts';
import { wakeUps } from '../../wake-ups.ts';
import { newTask } from '../fixtures.ts';
import type { Sandbox } from './clock.ts';
import type { Stage } from './functions.ts';
import { fairPlan, somePlan } from './handlers.ts';
import { enqueueFrom } from './queue.ts';

/** Two organizations, so that a limit of one does not apply to the other. */
const ORGANIZATIONS = [
  '00000000-0000-7000-8000-00000000000a',
  '00000000-0000-7000-8000-00000000000b',
] as const;

/** Offsets in seconds from now at which clients schedule tasks. */
const AHEAD = [0, 0, -3600, 1.5, 20, 170, 190, 600] as const;

/** Time limit of the api function. */
const LIMIT_SECONDS = 10;

type Wish = (stage: Stage, sandbox: Sandbox, id: string) => Promise<void>;

/**
 * Starts clients that create tasks and change them until the storm ends. Then the pauses are lifted, and a client creates tasks once
 * more.
 *
 * @returns the tasks that no fault has disturbed
 */
export function startClients(stage: Stage): ReadonlyMap<string, 'on time' | 'once'> {
  const { clock, random, calmAt } = stage.world;
  const undisturbed = new Map<string, 'on time' | 'once'>();
  const once = (atSeconds: number, act: (sandbox: Sandbox) => Promise<void>) =>
    clock.after(atSeconds * 1000 - clock.now, undefined, () =>
      stage.world.start({ name: 'api', limitSeconds: LIMIT_SECONDS, work: act }),
    );
  const inStorm = () => random.between(0, calmAt / 1000);

  /** Changes a task around its start, or at any time after. */
  const meddle = (id: string, dueAtSeconds: number, wish: Wish) => {
    const atSeconds =
      dueAtSeconds + random.pick([random.between(-1, 1), random.between(0, 60), random.between(0, 600)]);
    if (atSeconds * 1000 < calmAt) once(atSeconds, (sandbox) => wish(stage, sandbox, id));
  };
  for (let n = random.between(1, 6); n >= 1; n -= 1) {
    once(inStorm(), async (sandbox) => {
      const aheadSeconds = random.pick([...AHEAD]);
      const asked = createSome(stage, sandbox, {
        aheadSeconds,
        payload: () => somePlan(random),
        waits: random.chance(0.3),
      });
      const dueAtSeconds = clock.now / 1000 + Math.max(0, aheadSeconds);
      for (const id of asked.ids) {
        for (const wish of [cancel, cancel, retry, reschedule])
          if (random.chance(0.2)) meddle(id, dueAtSeconds, wish);
      }
      await asked.done;
    });
  }
  if (random.chance(0.3)) once(inStorm(), (sandbox) => bind(stage, sandbox));
  for (let n = random.between(0, 3); n >= 1; n -= 1) once(inStorm(), (sandbox) => retryMany(stage, sandbox));
  // Late enough that even the slowest request to pause has arrived.
  clock.after(calmAt + 60_000, undefined, () => {
    for (const organization of ORGANIZATIONS) unbind(stage, organization);
  });
  // Late enough that the queues are free of the storm's messages.
  once(calmAt / 1000 + CALMING_SECONDS, async (sandbox) => {
    const plan = fairPlan(random);
    const asked = createSome(stage, sandbox, {
      aheadSeconds: random.pick([...AHEAD]),
      payload: () => plan,
      waits: false,
    });
    // Slow tasks keep others of their lane waiting.
    for (const id of asked.ids) undisturbed.set(id, plan.plan.length > 0 ? 'once' : 'on time');
    await asked.done;
  });
  return undisturbed;
}

/** Seconds after the storm until every message is delivered at once. */
export const CALMING_SECONDS = 1_200;

function createSome(
  stage: Stage,
  sandbox: Sandbox,
  { aheadSeconds, payload, waits }: { aheadSeconds: number; payload: () => unknown; waits: boolean },
): { ids: readonly string[]; done: Promise<void> } {
  const { clock, random } = stage.world;
  const queue = random.pick<Queue>(['interactive', 'bulk']);
  const limit = random.pick([null, null, 1, 2]);
  const size = queue === 'bulk' ? Math.ceil(random.between(0, 5)) : 1;
  const organizationId = random.pick(ORGANIZATIONS);
  const others = [...stage.database.model.rows.values()].filter(
    (row) => row.organizationId === organizationId,
  );
  const dependsOn = waits ? others.filter(() => random.chance(0.3)).map(({ id }) => id) : [];
  const onFailure = random.pick(ON_FAILURE);
  const chained = waits && random.chance(0.5);
  const ids = Array.from({ length: size }, () => stage.nextId());
  const tasks = ids.map((id, nth) => {
    const notBefore = clock.now + Math.max(0, aheadSeconds * 1000);
    // In a chain each task waits for the next one, which is written after it.
    const after = chained ? [...dependsOn, ...ids.slice(nth + 1, nth + 2)] : dependsOn;
    stage.witness.asked(id, { notBefore, after, onFailure });
    return newTask({
      ...{ id, kind: 'simulated.task', queue, payload: payload() },
      waitsForNetwork: random.chance(0.5),
      ...{ concurrencyKey: limit === null ? null : `limit-${limit}`, concurrencyLimit: limit },
      scheduledTime: aheadSeconds === 0 ? null : new Date(clock.now + aheadSeconds * 1000).toISOString(),
      maxRetries: Math.floor(random.between(0, 4)),
      dependsOn: after.length > 0 ? after : null,
      onFailure,
    });
  });
  const { model, statement } = stage.database;
  const insert = () => model.insert(tasks, { organizationId, dispatch: stage.dispatch });
  const done = statement(sandbox, insert, { waitsFor: dependsOn });
  return { ids, done: done.then((written) => wake(stage, sandbox, written)) };
}

async function cancel({ database, witness }: Stage, sandbox: Sandbox, id: string): Promise<void> {
  const cancelled = await database.statement(sandbox, () => database.model.cancel(id), { waitsFor: [id] });
  if (cancelled) witness.cancelled(cancelled);
}

async function retry(stage: Stage, sandbox: Sandbox, id: string): Promise<void> {
  const { model, statement } = stage.database;
  const requeued = await statement(sandbox, () => model.requeue([id], stage.dispatch), { waitsFor: [id] });
  await wake(stage, sandbox, requeued);
}

/** Retries all or some of the failed and cancelled tasks together. */
async function retryMany(stage: Stage, sandbox: Sandbox): Promise<void> {
  const { model, statement } = stage.database;
  const { random } = stage.world;
  const share = random.pick([0.5, 1]);
  const ids = [...model.rows.values()]
    .filter(({ status }) => status === 'FAILED' || status === 'CANCELLED')
    .filter(() => random.chance(share))
    .map(({ id }) => id);
  const requeued = await statement(sandbox, () => model.requeue(ids, stage.dispatch), { waitsFor: ids });
  await wake(stage, sandbox, requeued);
}

async function reschedule(stage: Stage, sandbox: Sandbox, id: string): Promise<void> {
  const { model, statement } = stage.database;
  const { clock, random } = stage.world;
  const time = new Date(clock.now + random.pick([...AHEAD]) * 1000).toISOString();
  const moved = await statement(sandbox, () => model.reschedule(id, time, stage.dispatch), {
    waitsFor: [id],
  });
  if (moved) await wake(stage, sandbox, [moved]);
}

async function bind({ database, world }: Stage, sandbox: Sandbox): Promise<void> {
  const { random } = world;
  const paused = random.pick([[], ['kind:simulated.task'], ['queue:bulk']]);
  const maxRunning = random.pick([null, 1, 2]);
  const places = random.pick([Number.POSITIVE_INFINITY, 1, 2]);
  const network = { places, lane: networkLane(null) };
  const organization = random.pick(ORGANIZATIONS);
  await database.statement(sandbox, () =>
    database.model.bind(organization, { paused: new Set(paused), maxRunning, network }),
  );
}

/** Lifts the pauses of an organization. The dispatcher finds the held tasks. */
function unbind({ database }: Stage, organization: string): void {
  const { maxRunning, network } = database.model.bounds(organization);
  database.model.bind(organization, { paused: new Set(), maxRunning, network });
}

/** `wake` of create.ts, without row-level security. */
async function wake(stage: Stage, sandbox: Sandbox, tasks: readonly Timed<Task>[]): Promise<void> {
  const due = tasks.filter(
    (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= stage.dispatch.lookaheadSeconds,
  );
  if (due.length === 0) return;
  const unsent = await enqueueFrom(stage.world, sandbox, stage.queues)(wakeUps(due));
  const { connect, statementsOf } = stage.database;
  if (unsent.length > 0) await statementsOf(sandbox).dispatchAgain(connect(sandbox), unsent);
}
