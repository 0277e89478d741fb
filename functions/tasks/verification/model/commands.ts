import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { asMember } from '../../../database/enter.ts';
import * as store from '../../store/index.ts';
import type { Outcome, Task, TaskStatus } from '../../task.ts';
import { DISPATCH, newTask } from '../fixtures.ts';
import type { Row } from './row.ts';
import { type System, TOLERANCE_SECONDS } from './system.ts';

/** fast-check's model argument is unused. `System` holds the model, whose clock is the database's. */
type Step = fc.AsyncCommand<object, System>;

/*
 * All durations except those of `skip` are whole minutes, and skips are two seconds longer. So it never depends on the
 * milliseconds of a statement whether a task is due. (Two seconds, so that all skips of a run and all of its work together stay
 * within a minute.)
 */
const LEASE_SECONDS = 600;
const SOON_SECONDS = 300;
const LIMIT = 1_000;

/** The fields of changed rows that database and model must agree on. */
const told = (
  rows: readonly (Pick<Task, 'id' | 'status' | 'attempt' | 'seq' | 'cause'> & { capped?: boolean })[],
) =>
  rows
    .map(({ id, status, attempt, seq, cause }) => ({ id, status, attempt, seq, cause }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));

const sorted = <T extends { id: string }>(rows: readonly T[]) =>
  rows.toSorted((one, other) => (one.id < other.id ? -1 : 1));

/** Compares the released rows: equal rows, due at the same time within the tolerance. */
function expectReleased(real: readonly store.Released[], model: readonly store.Released[]): void {
  const what = (rows: readonly store.Released[]) =>
    sorted(rows).map(({ id, organizationId, queue, suspect }) => ({ id, organizationId, queue, suspect }));
  expect(what(real)).toEqual(what(model));
  for (const [n, { dueInSeconds }] of sorted(real).entries())
    expect(Math.abs(dueInSeconds - (sorted(model)[n]?.dueInSeconds ?? 0))).toBeLessThan(TOLERANCE_SECONDS);
}

function step(name: string, act: (system: System) => Promise<void>): Step {
  return {
    check: () => true,
    async run(_nothing, system) {
      await act(system);
      await system.compare();
    },
    toString: () => name,
  };
}

const index = fc.nat({ max: 7 });
const some = fc.uniqueArray(index, { minLength: 1, maxLength: 4 });
type Likely = (row: Row, now: Date) => boolean;
const is =
  (...statuses: TaskStatus[]): Likely =>
  ({ status }) =>
    statuses.includes(status);
const isDue: Likely = ({ status, runAt, heldBy }, now) =>
  status === 'SCHEDULED' && heldBy === null && runAt <= now;

/** Returns the id of a task: mostly of one for which the step has an effect, sometimes of any task, or of none. */
const idOf = (system: System, at: number, likely: Likely): string => {
  const { ids, model } = system;
  const now = system.now();
  const fitting = ids.filter((id) => {
    const row = model.rows.get(id);
    return row && likely(row, now);
  });
  const among = at < 6 && fitting.length > 0 ? fitting : ids;
  return among[at % Math.max(1, among.length)] ?? uuidv7();
};
const idsOf = (system: System, at: readonly number[], likely: Likely): string[] => [
  ...new Set(at.map((each) => idOf(system, each, likely))),
];

const minutes = fc.constantFrom(0, 0, 0, 0, -60, 2, 10, 60);
const waitsForNetwork = fc.boolean();
const keys = fc.constantFrom(null, null, null, 1, 2);

const create = fc
  .record({
    minutes,
    keys,
    waitsForNetwork,
    maxRetries: fc.nat({ max: 2 }),
    queue: fc.constantFrom('interactive', 'bulk'),
  })
  .map(({ minutes, keys, waitsForNetwork, maxRetries, queue }) =>
    step(
      `create(in ${minutes} min, ${maxRetries} retries, limit ${keys}, waits ${waitsForNetwork})`,
      async (system) => {
        const key = { concurrencyKey: keys && `k${keys}`, concurrencyLimit: keys };
        const scheduledTime = minutes === 0 ? null : system.timestamp(minutes * 60);
        const task = newTask({ ...key, maxRetries, queue, scheduledTime, waitsForNetwork });
        const real = await store.insert(system.api, {
          principal: system.ada,
          organizationId: null,
          tasks: [task],
          dispatch: DISPATCH,
        });
        const model = system.model.insert(system.ada.organizationId, [system.newTask(task)], DISPATCH);
        expect(told(real)).toEqual(told(model));
      },
    ),
  );

const createBatch = fc.record({ size: fc.integer({ min: 1, max: 3 }), minutes }).map(({ size, minutes }) =>
  step(`create batch(of ${size}, in ${minutes} min)`, async (system) => {
    // One second apart, so that the order of due times does not depend on chance.
    const tasks = Array.from({ length: size }, (_, nth) =>
      newTask({
        queue: 'bulk',
        maxRetries: 1,
        scheduledTime: system.timestamp(Math.max(minutes, 1) * 60 + nth),
      }),
    );
    const id = system.newBatch();
    await store.insertBatch(system.api, {
      principal: system.ada,
      organizationId: null,
      batch: { id, name: '', queue: 'bulk' },
      tasks,
      dispatch: DISPATCH,
    });
    system.model.insert(
      system.ada.organizationId,
      tasks.map((task) => system.newTask(task)),
      DISPATCH,
      id,
    );
  }),
);

const createDependent = some.map((at) =>
  step(`create dependent(on ${at})`, async (system) => {
    const dependsOn = idsOf(system, at, () => true).filter((id) => system.model.rows.has(id));
    const task = newTask({ dependsOn, maxRetries: 1 });
    const real = await system.asAda(async (tx) => {
      await store.awaitTasks(tx, system.ada.organizationId, dependsOn);
      const [written] = await store.insert(tx, {
        principal: system.ada,
        organizationId: null,
        tasks: [task],
        dispatch: DISPATCH,
      });
      if (written) await store.insertDependencies(tx, system.ada.organizationId, [task]);
      return written ? [written] : [];
    });
    const model = system.model.insert(system.ada.organizationId, [system.newTask(task)], DISPATCH);
    expect(told(real)).toEqual(told(model));
  }),
);

const release = fc.option(some).map((at) =>
  step(`release(${at ?? 'all'})`, async (system) => {
    const ids = at && idsOf(system, at, is('COMPLETED', 'FAILED', 'CANCELLED'));
    const real = await store.release(ids ? system.worker : system.dispatcher, {
      ids,
      limit: LIMIT,
      dispatch: DISPATCH,
    });
    const model = system.model.release(ids, LIMIT, DISPATCH);
    expect({ ...real, moved: told(real.moved) }).toEqual({ ...model, moved: told(model.moved) });
  }),
);

const cancel = index.map((at) =>
  step(`cancel(${at})`, async (system) => {
    const id = idOf(system, at, is('PENDING', 'SCHEDULED', 'RUNNING'));
    const real = await system.asAda((tx) => store.cancel(tx, id));
    const model = system.model.cancel(id);
    expect(told(real ? [real] : [])).toEqual(told(model ? [model] : []));
  }),
);

const requeue = index.map((at) =>
  step(`requeue(${at})`, async (system) => {
    const id = idOf(system, at, is('FAILED', 'CANCELLED'));
    const real = await system.asAda((tx) => store.requeue(tx, id, DISPATCH));
    expect(told(real ? [real] : [])).toEqual(told(system.model.requeue([id], DISPATCH)));
  }),
);

const reschedule = fc.record({ at: index, minutes: fc.constantFrom(-1, 2, 10, 60) }).map(({ at, minutes }) =>
  step(`reschedule(${at}, in ${minutes} min)`, async (system) => {
    const id = idOf(system, at, is('PENDING', 'SCHEDULED'));
    const time = system.timestamp(minutes * 60);
    const real = await system.asAda((tx) =>
      store.reschedule(tx, { id, scheduledTime: time, dispatch: DISPATCH }),
    );
    const model = system.model.reschedule(id, system.inModel(time) ?? '', DISPATCH);
    expect(told(real ? [real] : [])).toEqual(told(model ? [model] : []));
  }),
);

/** Selects all tasks with these ids. There are fewer tasks here than a statement reads at most. */
const all = ({ ada }: System, ids: readonly string[]): store.Selection => ({
  organizationId: ada.organizationId,
  ids,
  ...{ batch: null, statuses: null, kind: null, queue: null, createdBy: null },
  ...{ createdFrom: null, createdTo: null, scheduledFrom: null, scheduledTo: null },
});

const changeMany = fc
  .record({ at: some, move: fc.constantFrom('cancel', 'requeue', 'reschedule') })
  .map(({ at, move }) =>
    step(`${move} many(${at})`, async (system) => {
      const ids = idsOf(system, at, is('SCHEDULED', 'RUNNING', 'FAILED', 'CANCELLED'));
      const time = system.timestamp(600);
      const { rows } = await system.asAda((tx) => {
        if (move === 'cancel') return store.cancelMany(tx, { given: all(system, ids), after: null });
        if (move === 'requeue')
          return store.requeueMany(tx, { given: all(system, ids), after: null, dispatch: DISPATCH });
        return store.rescheduleMany(tx, {
          given: all(system, ids),
          after: null,
          scheduledTime: time,
          dispatch: DISPATCH,
        });
      });
      const one = (id: string) => {
        if (move === 'reschedule')
          return system.model.reschedule(id, system.inModel(time) ?? '', DISPATCH) ?? [];
        // A second cancel changes nothing.
        return system.model.rows.get(id)?.cancelRequestedAt ? [] : (system.model.cancel(id) ?? []);
      };
      const model = move === 'requeue' ? system.model.requeue(ids, DISPATCH) : ids.flatMap(one);
      expect(told(rows)).toEqual(told(model));
    }),
  );

const trespass = index.map((at) =>
  step(`trespass(${at})`, async (system) => {
    const id = idOf(system, at, is('SCHEDULED', 'FAILED'));
    const asEve = await asMember(system.api, system.eve, async (tx) => [
      await store.cancel(tx, id),
      await store.requeue(tx, id, DISPATCH),
      await store.reschedule(tx, { id, scheduledTime: system.timestamp(60), dispatch: DISPATCH }),
      await store.find(tx, id),
    ]);
    expect(asEve).toEqual([undefined, undefined, undefined, undefined]);
  }),
);

/** Kinds that run isolated, with their hard limit. */
const KINDS: store.WorkerCapacity['kinds'] = [{ kind: 'data.process', hardSeconds: 60, isolatedWith: null }];
const rooms = fc.constantFrom(
  undefined,
  undefined,
  { kinds: KINDS, runners: 1, networkPlaces: 9, seconds: 840 },
  { kinds: KINDS, runners: 9, networkPlaces: 9, seconds: 30 },
  { kinds: [], runners: 9, networkPlaces: 1, seconds: 840 },
);

const claim = fc.record({ at: some, alone: fc.boolean(), capacity: rooms }).map(({ at, alone, capacity }) =>
  step(
    `claim(${at}${alone ? ', alone' : ''}${capacity ? `, ${capacity.runners} runners, ${capacity.networkPlaces} wait, ${capacity.seconds} s` : ''})`,
    async (system) => {
      const ids = idsOf(system, at, isDue);
      const real = await store.claim(system.worker, {
        ids,
        leaseSeconds: LEASE_SECONDS,
        soonSeconds: SOON_SECONDS,
        alone,
        capacity,
      });
      const model = system.model.claim({
        ids,
        leaseSeconds: LEASE_SECONDS,
        soonSeconds: SOON_SECONDS,
        alone,
        capacity,
      });
      expect(told(real.claimed)).toEqual(told(model.claimed));
      const due = (unclaimed: readonly store.Unclaimed[]) =>
        sorted(unclaimed).map(({ dueInSeconds, ...rest }) => ({ ...rest, due: dueInSeconds <= 0 }));
      expect(due(real.unclaimed)).toEqual(due(model.unclaimed));
    },
  ),
);

const ends = fc.oneof(
  fc.constant({ kind: 'complete', result: { n: 1 } } as const),
  fc.record({
    kind: fc.constant('retry' as const),
    error: fc.constant({ code: 'boom', message: 'boom' }),
    delaySeconds: fc.constantFrom(0, 60, 600),
  }),
  fc.constant({ kind: 'fail', error: { code: 'fatal', message: 'fatal' } } as const),
);

const settle = fc
  .uniqueArray(fc.record({ at: index, stale: fc.constantFrom(0, 0, 0, -1, 1), end: ends }), {
    minLength: 1,
    maxLength: 4,
    selector: ({ at }) => at,
  })
  .map((given) =>
    step(
      `settle(${given.map(({ at, stale, end }) => `${at}${stale || ''} ${end.kind}`)})`,
      async (system) => {
        const outcomes = new Map<string, Outcome>();
        for (const { at, stale, end } of given) {
          const id = idOf(system, at, is('RUNNING'));
          outcomes.set(id, { ...end, id, attempt: (system.model.rows.get(id)?.attempt ?? 0) + stale });
        }
        const real = await store.settle(system.worker, [...outcomes.values()], DISPATCH);
        const model = system.model.settle([...outcomes.values()], DISPATCH);
        expect(told(real)).toEqual(told(model));
        expect(sorted(real).map(({ capped }) => capped)).toEqual(sorted(model).map(({ capped }) => capped));
      },
    ),
  );

const fenced = fc.uniqueArray(fc.record({ at: index, stale: fc.constantFrom(0, 0, -1) }), {
  minLength: 1,
  maxLength: 3,
  selector: ({ at }) => at,
});
const attemptsOf = (system: System, given: readonly { at: number; stale: number }[]) => {
  const attempts = new Map<string, number>();
  for (const { at, stale } of given) {
    const id = idOf(system, at, is('RUNNING'));
    attempts.set(id, (system.model.rows.get(id)?.attempt ?? 0) + stale);
  }
  return [...attempts].map(([id, attempt]) => ({ id, attempt }));
};

const renew = fenced.map((given) =>
  step(`renew(${given.map(({ at, stale }) => `${at}${stale || ''}`)})`, async (system) => {
    const running = attemptsOf(system, given);
    const real = await store.renew(system.worker, running, LEASE_SECONDS);
    expect(sorted(real)).toEqual(sorted(system.model.renew(running, LEASE_SECONDS)));
  }),
);

const report = fenced.map((given) =>
  step(`report(${given.map(({ at, stale }) => `${at}${stale || ''}`)})`, async (system) => {
    const progress = { fraction: 0.5, note: null, at: '2026-01-01T00:00:00Z' };
    const reports = attemptsOf(system, given).map((attempt) => ({ ...attempt, progress }));
    const real = await store.report(system.worker, reports);
    expect(told(real)).toEqual(told(system.model.report(reports)));
  }),
);

const rescue = fc.option(some).map((at) =>
  step(`rescue(${at ?? 'all'})`, async (system) => {
    const ids = at && idsOf(system, at, is('RUNNING'));
    const real = await store.rescue(ids ? system.worker : system.dispatcher, ids, LIMIT);
    expect(told(real)).toEqual(told(system.model.rescue(ids, LIMIT)));
    if (!ids) await system.waitWholeMinutes(real);
  }),
);

const take = fc.constant(
  step('take for dispatch', async (system) => {
    const real = await store.takeForDispatch(system.dispatcher, LIMIT, DISPATCH.resendSeconds);
    const model = system.model.takeForDispatch(LIMIT, DISPATCH.resendSeconds);
    expect(real.taken).toBe(model.taken);
    expectReleased(real.due, model.due);
  }),
);

const dispatchAgain = some.map((at) =>
  step(`dispatch again(${at})`, async (system) => {
    const ids = idsOf(system, at, is('SCHEDULED'));
    await store.dispatchAgain(system.dispatcher, ids);
    system.model.dispatchAgain(ids);
  }),
);

const releaseHeld = fc.constant(
  step('release held', async (system) => {
    const lanes = await store.heldLanes(system.dispatcher, LIMIT);
    const byLane = (some: readonly store.Lane[]) => some.map(({ lane }) => lane).toSorted();
    expect(byLane(lanes)).toEqual(byLane(system.model.heldLanes(LIMIT)));
    const real = await system.dispatcher.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
    expectReleased(real as store.Released[], system.model.releaseHeld(lanes, DISPATCH));
  }),
);

const bind = fc
  .record({
    maxRunning: fc.constantFrom(null, null, null, 1, 2),
    paused: fc.constantFrom(null, null, null, null, 'kind:data.process', 'queue:bulk'),
    quotas: fc.constantFrom(
      { organization: 9, user: 9 },
      { organization: 1, user: 9 },
      { organization: 9, user: 1 },
      { organization: 2, user: 2 },
    ),
  })
  .map(({ maxRunning, paused, quotas }) =>
    step(
      `bind(${maxRunning}, ${paused}, ${quotas.organization} of organization, ${quotas.user} of user)`,
      async (system) => {
        const { organizationId } = system.ada;
        const [scope, name] = paused?.split(':') ?? [];
        await system.on
          .admin`update organizations set max_running = ${maxRunning} where id = ${organizationId}`;
        await system.on.admin`delete from pauses`;
        if (scope && name)
          await system.on
            .admin`insert into pauses (organization_id, scope, name) values (${organizationId}, ${scope}, ${name})`;
        await system.quotas(quotas);
        const places = Math.min(quotas.organization, quotas.user);
        const network = { places, lane: store.networkLane(system.ada.userId) };
        system.model.bind(organizationId, { maxRunning, paused: new Set(paused ? [paused] : []), network });
      },
    ),
  );

const skip = fc
  .constantFrom(1, 3, 10, 70)
  .map((minutes) => step(`skip(${minutes} min)`, (system) => system.skip(minutes * 60 + 2)));

/** All steps that may be taken with tasks, in any order. */
export const STEPS = [
  ...[
    create,
    create,
    create,
    createBatch,
    createDependent,
    createDependent,
    release,
    cancel,
    cancel,
    requeue,
    requeue,
    reschedule,
    changeMany,
    trespass,
  ],
  ...[claim, claim, claim, claim, claim, claim, settle, settle, settle, settle, renew, report],
  ...[rescue, rescue, take, dispatchAgain, releaseHeld, bind, skip, skip],
];
