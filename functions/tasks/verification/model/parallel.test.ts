import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../../database/connect.ts';
import { asMember } from '../../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import * as store from '../../store/index.ts';
import type { Outcome } from '../../task.ts';
import { DISPATCH, newTask } from '../fixtures.ts';
import { type Random, randomOf } from '../simulation/random.ts';
import { type Act, History } from './history.ts';

/** For more and longer runs: `FC_RUNS=1000 npm test -- functions/tasks/verification/model`. */
const RUNS = Number(process.env.FC_RUNS ?? 4);
const STEPS = 60;
const LEASE_SECONDS = 600;
const TASKS = 8;

let on: DatabaseFixture;
let ada: Member;
let workers: Database[];
let dispatchers: Database[];
let clients: Database[];
beforeAll(async () => {
  on = await databaseFixture();
  ada = await on.member();
  workers = Array.from({ length: 4 }, () => on.as('worker'));
  dispatchers = Array.from({ length: 2 }, () => on.as('dispatcher'));
  clients = Array.from({ length: 3 }, () => on.as('api'));
});
afterAll(() => on.close());

type Round = {
  history: History;
  ids: readonly string[];
  random: Random;
  claimed: { id: string; attempt: number }[];
};

const someOf = <T>(all: readonly T[], { next }: Random, share = 0.4): T[] => all.filter(() => next() < share);
const error = { code: 'boom', message: 'boom' };

function outcome({ id, attempt }: { id: string; attempt: number }, random: Random): Outcome {
  return random.pick<Outcome>([
    { id, attempt, kind: 'complete', result: null },
    { id, attempt, kind: 'retry', error, delaySeconds: 0 },
    { id, attempt, kind: 'fail', error },
  ]);
}

/** Runs a worker's next statement. Its attempts may be those that any worker has claimed, also ones that ended long ago. */
async function work(db: Database, { history, ids, random, claimed }: Round): Promise<void> {
  const what = random.pick(['claim', 'claim', 'settle', 'settle', 'report', 'renew', 'rescue']);
  const mine = [...new Map(someOf(claimed, random).map((attempt) => [attempt.id, attempt])).values()];
  if (what === 'claim') {
    const wanted = someOf(ids, random, 0.7);
    const alone = random.chance(0.5);
    const act: Act = { move: 'claim', ids: [] };
    const answer = await history.of(
      act,
      async () =>
        (await store.claim(db, { ids: wanted, leaseSeconds: LEASE_SECONDS, soonSeconds: 0, alone })).claimed,
    );
    claimed.push(...answer.map(({ id, attempt }) => ({ id, attempt })));
  } else if (what === 'settle') {
    const outcomes = mine.map((attempt) => outcome(attempt, random));
    await history.of({ move: 'settle', ids: mine.map(({ id }) => id), outcomes }, () =>
      store.settle(db, outcomes, DISPATCH),
    );
  } else if (what === 'report') {
    await history.of({ move: 'report', ids: [] }, () => store.report(db, mine));
  } else if (what === 'renew') await store.renew(db, mine, LEASE_SECONDS);
  else await history.of({ move: 'rescue', ids: [] }, () => store.rescue(db, someOf(ids, random), TASKS));
}

async function dispatch(db: Database, { history, ids, random }: Round): Promise<void> {
  const what = random.pick(['expire', 'rescue', 'take', 'release', 'again']);
  if (what === 'expire')
    await on.admin`
      update tasks set lease_until = now() - interval '1 second'
      where id = ${random.pick(ids as [string, ...string[]])} and status = 'RUNNING'`;
  else if (what === 'rescue')
    await history.of({ move: 'rescue', ids: [] }, () => store.rescue(db, null, TASKS));
  else if (what === 'again') await store.dispatchAgain(db, someOf(ids, random));
  else if (what === 'take') await db.begin((tx) => store.takeForDispatch(tx, TASKS, DISPATCH.resendSeconds));
  else {
    const lanes = await store.heldLanes(db, TASKS);
    await db.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
  }
}

const meant = (ids: readonly string[]): store.Selection => ({
  organizationId: ada.organizationId,
  ids,
  ...{ batch: null, statuses: null, kind: null, queue: null, createdBy: null },
  ...{ createdFrom: null, createdTo: null, scheduledFrom: null, scheduledTo: null },
});

async function change(db: Database, { history, ids, random }: Round): Promise<void> {
  if (random.chance(0.2)) {
    const some = someOf(ids, random);
    await history.of({ move: 'cancel', ids: [] }, () =>
      asMember(db, ada, async (tx) => (await store.cancelMany(tx, { given: meant(some), after: null })).rows),
    );
    return;
  }
  const id = random.pick(ids as [string, ...string[]]);
  const move = random.pick(['cancel', 'requeue', 'requeue', 'reschedule'] as const);
  await history.of({ move, ids: [id] }, async () => {
    const task = await asMember(db, ada, (tx) => {
      if (move === 'cancel') return store.cancel(tx, id);
      if (move === 'requeue') return store.requeue(tx, id, DISPATCH);
      return store.reschedule(tx, { id, scheduledTime: new Date(0).toISOString(), dispatch: DISPATCH });
    });
    return task ? [task] : [];
  });
}

/** Lets all workers and clients act on a few tasks at once. */
async function rush(seed: number): Promise<Round> {
  const key = { concurrencyKey: 'one', concurrencyLimit: 1 };
  const tasks = Array.from({ length: TASKS }, (_, n) =>
    newTask({ ...(n % 2 === 0 && key), maxRetries: n % 3 }),
  );
  const batch = { id: tasks[0]?.id ?? '', name: '', queue: 'bulk' } as const;
  await on.admin`delete from tasks`;
  await on.admin`delete from batches`;
  await store.insertBatch(clients[0] as Database, {
    principal: ada,
    organizationId: null,
    batch,
    tasks,
    dispatch: DISPATCH,
  });
  const ids = tasks.map(({ id }) => id);
  const round = { history: new History(tasks, ada.organizationId), ids, random: randomOf(seed), claimed: [] };
  const acting = (act: (db: Database, round: Round) => Promise<void>) => async (db: Database) => {
    for (let n = 0; n < STEPS; n += 1) await act(db, round);
  };
  await Promise.all([
    ...workers.map(acting(work)),
    ...dispatchers.map(acting(dispatch)),
    ...clients.map(acting(change)),
  ]);
  return round;
}

describe('many at once on the same tasks', () => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    test(`leave a state that a sequence could have left, seed ${seed}`, { timeout: 60_000 }, async () => {
      const { history } = await rush(seed);
      // Every change is returned by exactly one statement, and their sequence is one that the model allows.
      expect(history.faults()).toEqual([]);

      const rows = await on.admin`
        select t.id, t.seq, t.attempt, t.status = 'RUNNING' as running,
          (select string_agg(a.attempt::text, ' ' order by a.attempt) from attempts a
            where a.task_id = t.id and a.outcome <> 'running') as ended
        from tasks t`;
      for (const { id, seq, attempt, running, ended } of rows) {
        expect(history.lastSeq(id)).toBe(seq);
        const all = Array.from({ length: attempt - (running ? 1 : 0) }, (_, n) => n + 1);
        expect(ended ?? '').toBe(all.join(' '));
      }

      const [counts] = await on.admin`
        select b.completed = c.completed and b.failed = c.failed and b.cancelled = c.cancelled
          and (b.finished_at is not null) = (c.completed + c.failed + c.cancelled = b.total) as right
        from batches b, lateral (
          select count(*) filter (where status = 'COMPLETED') as completed,
            count(*) filter (where status = 'FAILED') as failed, count(*) filter (where status = 'CANCELLED') as cancelled
          from tasks where batch_id = b.id
        ) c`;
      expect(counts).toEqual({ right: true });

      const overlapping = await on.admin`
        select one.task_id from attempts one join attempts other on (one.task_id, one.attempt) <> (other.task_id, other.attempt)
          and one.started_at <= other.started_at and other.started_at < coalesce(one.finished_at, 'infinity')
        where (select count(*) from tasks t where t.concurrency_key = 'one' and t.id in (one.task_id, other.task_id)) >=
          case when one.task_id = other.task_id then 1 else 2 end`;
      expect(overlapping).toEqual([]);
    });
  }
});
