import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { Refusal } from '../../refusal.ts';
import * as store from '../store/index.ts';
import type { WakeUp } from '../task.ts';
import { DISPATCH, newTask } from '../verification/fixtures.ts';
import { randomOf } from '../verification/simulation/random.ts';
import { followUps } from '../worker/follow-ups.ts';
import { cancelTask, rescheduleTask } from './change.ts';
import { createTasks } from './create.ts';
import { reconsiderHeld } from './fill-lanes.ts';
import { pause, resume } from './pauses.ts';

/*
 * A free place goes to a task that can use it: at once, and without the dispatcher, whatever other tasks are held. No tick runs
 * in this file.
 */

const on: DatabaseFixture = await databaseFixture();
const [api, worker] = [on.as('api'), on.as('worker')];
let ada: Member;
/** Ids whose message is under way. */
const sent: string[] = [];
beforeEach(async () => {
  ada = await on.member();
  sent.length = 0;
});
afterAll(() => on.close());

const enqueue = async (wakeUps: readonly WakeUp[]) => {
  sent.push(...wakeUps.flatMap(({ ids }) => ids));
  return [];
};
const deps = { db: api, enqueue, dispatch: DISPATCH, announce: () => {} };

async function create(...given: Partial<store.NewTask>[]): Promise<string[]> {
  const tasks = await createTasks(deps, ada, {
    organizationId: null,
    requests: given.map((each) => newTask(each)),
  });
  return tasks.map(({ id }) => id);
}

/** An id that no task has. */
const NOBODY = '00000000-0000-7000-8000-000000000000';

const refused = (error: unknown) => {
  if (!(error instanceof Refusal)) throw error;
};

const keyed = (key: string, limit = 1) => ({ concurrencyKey: key, concurrencyLimit: limit });

/** Lets workers claim until no message is under way. */
async function deliver(): Promise<void> {
  while (sent.length > 0) {
    const after = followUps({ ...deps, db: worker, log: () => {} });
    const { vacated } = await store.claim(worker, {
      ids: sent.splice(0, 5),
      leaseSeconds: 3_600,
      soonSeconds: 0,
    });
    after.fill(vacated);
    await after.end();
  }
}

async function complete(...given: string[]): Promise<void> {
  const ids = [...new Set(given)].filter((id) => id !== NOBODY);
  const after = followUps({ ...deps, db: worker, log: () => {} });
  const rows = await on.admin`select id, attempt from tasks where id = any (${ids}::uuid[])`;
  const outcomes = rows.map(({ id, attempt }) => ({ id, attempt, kind: 'complete', result: null }) as const);
  after.afterSettle(await store.settle(worker, outcomes, DISPATCH));
  await after.end();
  await deliver();
}

async function bind(maxRunning: number | null): Promise<void> {
  await on.admin`update organizations set max_running = ${maxRunning} where id = ${ada.organizationId}`;
  await reconsiderHeld(deps, ada, ada.organizationId);
  await deliver();
}

const idsWith = async (status: string) => {
  const rows = await on.admin`
    select id from tasks where organization_id = ${ada.organizationId} and status = ${status} order by id`;
  return rows.map(({ id }) => String(id));
};

/** Returns held tasks without a reason: not paused, not behind another task of their key, and with a place in every lane. */
const idle = async () => {
  const rows = await on.admin`
    with mine as (
      select t.*, exists (
        select from pauses p where p.organization_id = t.organization_id
          and (p.scope, p.name) in (('kind', t.kind), ('queue', t.queue))
      ) as is_paused
      from tasks t where t.organization_id = ${ada.organizationId} and t.status in ('SCHEDULED', 'RUNNING')
    )
    select t.id, t.held_by from mine t join organizations o on o.id = t.organization_id
    where t.status = 'SCHEDULED' and not t.is_paused
      and (o.max_running is null or o.max_running > (select count(*) from mine r where r.status = 'RUNNING'))
      and (t.concurrency_key is null or (
        t.concurrency_limit >
          (select count(*) from mine r where r.status = 'RUNNING' and r.concurrency_key = t.concurrency_key)
        and not exists (
          select from mine b where b.status = 'SCHEDULED' and not b.is_paused and b.concurrency_key = t.concurrency_key
            and (b.run_at, b.id) < (t.run_at, t.id)
        )
      ))`;
  return rows.map(({ id, held_by }) => `${id} ${held_by}`);
};

describe('a freed place', () => {
  test('skips a dozen tasks of a full key, and goes to one that can use it', async () => {
    await bind(2);
    const running = await create({}, {});
    await deliver();
    await create(...Array.from({ length: 12 }, () => keyed('printer')));
    await deliver();
    const [free] = await create({});
    await deliver();
    await complete(...running);
    expect(await idsWith('RUNNING')).toContain(free);
    expect(await idsWith('RUNNING')).toHaveLength(2);
  });

  test('skips a dozen tasks of a paused kind, and goes to one of another kind with the same key', async () => {
    const [running = ''] = await create(keyed('printer'));
    await deliver();
    await create(...Array.from({ length: 12 }, () => ({ ...keyed('printer'), kind: 'http.request' })));
    const [free] = await create(keyed('printer'));
    await deliver();
    await pause(deps, ada, { organizationId: null, key: { scope: 'kind', name: 'http.request' } });
    await deliver();
    await complete(running);
    expect(await idsWith('RUNNING')).toEqual([free]);
  });

  test('of a task that is cancelled before it starts goes to the next task', async () => {
    const [running = ''] = await create(keyed('printer'));
    await deliver();
    await create(keyed('printer'), keyed('printer'));
    await deliver();
    const after = followUps({ ...deps, db: worker, log: () => {} });
    const outcome = { id: running, attempt: 1, kind: 'complete', result: null } as const;
    after.afterSettle(await store.settle(worker, [outcome], DISPATCH));
    await after.end();
    const [given = ''] = sent;
    await cancelTask(deps, ada, given);
    await deliver();
    expect(await idsWith('RUNNING')).toHaveLength(1);
  });
});

/** For more and longer runs: `FC_RUNS=500 npm test -- functions/tasks/freed-places`. */
const RUNS = Number(process.env.FC_RUNS ?? 6);
const STEPS = 40;

describe('no task that could run stays held while a place is free', () => {
  const KINDS = ['data.process', 'http.request'] as const;
  const QUEUES = ['interactive', 'bulk'] as const;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    test(`for any mixture of held lanes, seed ${seed}`, { timeout: 120_000 }, async () => {
      const random = randomOf(seed);
      const isMixed = random.chance(0.3);
      const limitOf = { a: 1, b: 2, c: 3 };
      const some = (): Partial<store.NewTask> => {
        const key = random.pick([null, null, 'a', 'b', 'c'] as const);
        const limit = key && (isMixed ? random.pick([1, 2, 3]) : limitOf[key]);
        return {
          ...(key && limit && keyed(key, limit)),
          kind: random.pick(KINDS),
          queue: random.pick(QUEUES),
        };
      };
      const one = async (status: string) => random.pick([NOBODY, ...(await idsWith(status))]);
      const paused = new Set<string>();
      const acts: Record<string, () => Promise<unknown>> = {
        create: () => create(...Array.from({ length: Math.ceil(random.between(0.1, 6)) }, some)),
        complete: async () => complete(await one('RUNNING')),
        'complete two': async () => complete(await one('RUNNING'), await one('RUNNING')),
        cancel: async () => cancelTask(deps, ada, await one('SCHEDULED')).catch(refused),
        reschedule: async () =>
          rescheduleTask(deps, ada, {
            id: await one('SCHEDULED'),
            scheduledTime: '2024-01-01T00:00:00Z',
          }).catch(refused),
        bind: () => bind(random.pick([null, 1, 2, 3])),
        async pause() {
          const key = random.pick(['queue:bulk', ...KINDS.map((name) => `kind:${name}`)]);
          const [scope, name = ''] = key.split(':') as ['kind' | 'queue', string];
          if (paused.delete(key)) await resume(deps, ada, { organizationId: null, key: { scope, name } });
          else if (paused.add(key)) await pause(deps, ada, { organizationId: null, key: { scope, name } });
        },
      };
      const names = [
        'create',
        'create',
        'complete',
        'complete',
        'complete two',
        'cancel',
        'reschedule',
        'bind',
        'pause',
      ];
      const done: string[] = [];
      for (let step = 0; step < STEPS; step += 1) {
        const name = random.pick(names as [string, ...string[]]);
        done.push(name);
        await acts[name]?.();
        await deliver();
        expect(await idle(), done.join(', ')).toEqual([]);
      }
    });
  }
});
