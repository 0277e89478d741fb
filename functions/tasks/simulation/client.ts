import type { Timed } from '../store/index.ts';
import type { Queue, Task } from '../task.ts';
import { newTask } from '../testing.ts';
import { wakeUps } from '../wake-ups.ts';
import type { Sandbox } from './clock.ts';
import type { Stage } from './functions.ts';
import { somePlan } from './handlers.ts';
import { enqueueFrom } from './queue.ts';

const ORGANIZATION = '00000000-0000-7000-8000-000000000000';

/** Seconds ahead for which people schedule, beside now. */
const AHEAD = [0, 0, -3600, 1.5, 20, 170, 190, 600] as const;

/** People who create tasks and change their minds, at moments of chance until calm comes, and once more after it. */
export function startClients(stage: Stage): void {
  const { clock, random, calmAt } = stage.world;
  let made = 0;
  const create = (troubled: boolean) =>
    request(stage, async (sandbox) => {
      const queue = random.pick<Queue>(['interactive', 'bulk']);
      const ahead = random.pick([...AHEAD]);
      const tasks = Array.from({ length: queue === 'bulk' ? Math.ceil(random.between(0, 4)) : 1 }, () => {
        made += 1;
        const id = `00000000-0000-7000-8000-${String(made).padStart(12, '0')}`;
        stage.witness.asked(id, clock.now + Math.max(0, ahead * 1000));
        return {
          ...newTask({ id, kind: 'simulated.task', queue }),
          payload: troubled ? somePlan(random) : { plan: [] },
          scheduledTime: ahead === 0 ? null : new Date(clock.now + ahead * 1000).toISOString(),
          maxRetries: Math.floor(random.between(0, 4)),
        };
      });
      const written = await stage.database.statement(sandbox, undefined, () =>
        stage.database.model.insert(ORGANIZATION, tasks, stage.dispatch),
      );
      await wake(stage, sandbox, written);
    });
  const cancel = () =>
    request(stage, async (sandbox) => {
      const id = someTask(stage);
      if (!id) return;
      const cancelled = await stage.database.statement(
        sandbox,
        undefined,
        () => stage.database.model.cancel(id),
        [id],
      );
      if (cancelled) stage.witness.cancelled(cancelled);
    });
  const retry = () =>
    request(stage, async (sandbox) => {
      const id = someTask(stage);
      if (!id) return;
      const again = await stage.database.statement(
        sandbox,
        undefined,
        () => stage.database.model.requeue(id, stage.dispatch),
        [id],
      );
      if (again) await wake(stage, sandbox, [again]);
    });
  const at = () => random.between(0, calmAt);
  for (let n = random.between(1, 5); n > 0; n -= 1) clock.after(at(), undefined, () => create(true));
  for (let n = random.between(0, 3); n > 0; n -= 1) clock.after(at(), undefined, cancel);
  for (let n = random.between(0, 2); n > 0; n -= 1) clock.after(at(), undefined, retry);
  clock.after(calmAt + random.between(0, 120_000), undefined, () => create(false));
}

/** What the api function does for one request. */
function request({ world }: Stage, work: (sandbox: Sandbox) => Promise<void>): void {
  world.start('api', 10, work, () => {});
}

/** What `wake` in create.ts does, for somebody who needs no row-level security. */
async function wake(stage: Stage, sandbox: Sandbox, tasks: readonly Timed<Task>[]): Promise<void> {
  const due = tasks.filter((task) => task.dueInSeconds <= stage.dispatch.lookaheadSeconds);
  if (due.length === 0) return;
  const unsent = await enqueueFrom(stage.world, sandbox, stage.queues)(wakeUps(due));
  if (unsent.length > 0)
    await stage.database.statementsOf(sandbox).dispatchAgain(stage.database.connect(sandbox), unsent);
}

function someTask({ world, database }: Stage): string | undefined {
  const ids = [...database.model.rows.keys()];
  return ids[Math.floor(world.random.next() * ids.length)];
}
