import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { defineTask, type Json, PermanentError, RetryError, type TaskContext } from '../../define-task.ts';
import type { Sandbox } from './clock.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Behaviours of a handler in one attempt. */
const DOES = [
  'succeeds',
  'throws',
  'gives up',
  'asks for later',
  'works on',
  'hangs',
  'is deaf',
  'kills',
  'freezes',
] as const;
type Does = (typeof DOES)[number];

const payload = z.strictObject({ plan: z.array(z.enum(DOES)) });

/** The behaviour of a task's handler in each attempt. Further attempts succeed. */
export type Plan = z.infer<typeof payload>;

/** Behaviours that take time are chosen more often, because something can happen meanwhile. */
const OFTEN = [...DOES, 'works on', 'works on', 'works on', 'hangs', 'freezes', 'freezes'] as const;

/** A plan that succeeds, at once or after longer than a lease lasts without renewals. */
export function fairPlan(random: Random): Plan {
  return { plan: random.chance(0.5) ? [] : ['works on'] };
}

export function somePlan(random: Random): Plan {
  // One worker freezes, and another one is at work when it continues.
  if (random.chance(0.1)) return { plan: ['freezes', 'works on', 'works on'] };
  const trouble = random.chance(0.7) ? random.between(0, 4) : 0;
  return { plan: Array.from({ length: Math.floor(trouble) }, () => random.pick(OFTEN)) };
}

const SOFT_SECONDS = 20;
const HARD_SECONDS = 30;

/** The only kind of the simulation, as one sandbox runs it. */
export function kindIn(world: World, sandbox: Sandbox, started: (taskId: string, attempt: number) => void) {
  const { clock, random } = world;
  const forEver = new Promise<never>(() => {});
  const die = (): Promise<never> => {
    clock.after(0, sandbox, () => world.kill(sandbox));
    return forEver;
  };
  const acts: Record<Does, (context: TaskContext) => Promise<void>> = {
    succeeds: async () => {},
    throws: () => Promise.reject(new Error('boom')),
    'gives up': () => Promise.reject(new PermanentError('never', 'No attempt can change this')),
    'asks for later': () =>
      Promise.reject(new RetryError('busy', 'Later', { afterSeconds: random.between(0, 600) })),
    'works on': ({ signal }) => sleep(random.between(1_000, 15_000), undefined, { signal }),
    hangs: ({ signal }) => sleep(10_000_000, undefined, { signal }),
    'is deaf': () => forEver,
    kills: () => die(),
    async freezes() {
      sandbox.frozenUntil = clock.now + random.between(10_000, 100_000);
      await sleep(1);
    },
  };
  return defineTask({
    kind: 'simulated.task',
    payload,
    limits: { soft: `${SOFT_SECONDS}s`, hard: `${HARD_SECONDS}s` },
    runs: 'inline',
    async run({ plan }, context): Promise<Json> {
      const { taskId, attempt, signal } = context;
      started(taskId, attempt);
      try {
        await acts[plan[attempt - 1] ?? 'succeeds'](context);
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      }
      return { attempt };
    },
  });
}
