import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { asMember } from '../../../database/enter.ts';
import * as store from '../../store/index.ts';
import { ON_FAILURE } from '../../task.ts';
import { DISPATCH, newTask } from '../fixtures.ts';
import { compared, idOf, idsOf, index, is, some, step } from './step.ts';
import type { System } from './system.ts';

const minutes = fc.constantFrom(0, 0, 0, 0, -60, 2, 10, 60);
const waitsForNetwork = fc.boolean();
const keys = fc.constantFrom(null, null, null, 1, 2);

export const create = fc
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
        const model = system.create([task]);
        expect(compared(real)).toEqual(compared(model));
      },
    ),
  );

export const createBatch = fc
  .record({
    size: fc.integer({ min: 1, max: 3 }),
    minutes,
    /** Each task waits for the next one, so that a task is written before the task that it waits for. */
    chained: fc.boolean(),
    onFailure: fc.constantFrom(...ON_FAILURE),
  })
  .map(({ size, minutes, chained, onFailure }) =>
    step(
      `create batch(of ${size}, in ${minutes} min, chained ${chained}, on failure ${onFailure})`,
      async (system) => {
        const ids = Array.from({ length: size }, () => uuidv7());
        // One second apart, so that the order of due times does not depend on chance.
        const tasks = ids.map((id, nth) =>
          newTask({
            id,
            queue: 'bulk',
            maxRetries: 1,
            scheduledTime: system.timestamp(Math.max(minutes, 1) * 60 + nth),
            dependsOn: chained && nth + 1 < size ? ids.slice(nth + 1, nth + 2) : null,
            onFailure,
          }),
        );
        const id = system.newBatch();
        await system.asAda(async (tx) => {
          await store.insertBatch(tx, {
            principal: system.ada,
            organizationId: null,
            batch: { id, name: '', queue: 'bulk' },
            tasks,
            dispatch: DISPATCH,
          });
          await store.insertDependencies(tx, system.ada.organizationId, tasks);
        });
        system.create(tasks, id);
      },
    ),
  );

export const createDependent = fc
  .record({ at: some, onFailure: fc.constantFrom(...ON_FAILURE) })
  .map(({ at, onFailure }) =>
    step(`create dependent(on ${at}, on failure ${onFailure})`, async (system) => {
      const dependsOn = idsOf(system, at, () => true).filter((id) => system.model.rows.has(id));
      const task = newTask({ dependsOn, onFailure, maxRetries: 1 });
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
      const model = system.create([task]);
      expect(compared(real)).toEqual(compared(model));
    }),
  );

export const cancel = index.map((at) =>
  step(`cancel(${at})`, async (system) => {
    const id = idOf(system, at, is('PENDING', 'SCHEDULED', 'RUNNING'));
    const real = await system.asAda((tx) => store.cancel(tx, id));
    const model = system.model.cancel(id);
    expect(compared(real ? [real] : [])).toEqual(compared(model ? [model] : []));
  }),
);

export const requeue = index.map((at) =>
  step(`requeue(${at})`, async (system) => {
    const id = idOf(system, at, is('FAILED', 'CANCELLED'));
    const real = await system.asAda((tx) => store.requeue(tx, id, DISPATCH));
    expect(compared(real ? [real] : [])).toEqual(compared(system.model.requeue([id], DISPATCH)));
  }),
);

export const reschedule = fc
  .record({ at: index, minutes: fc.constantFrom(-1, 2, 10, 60) })
  .map(({ at, minutes }) =>
    step(`reschedule(${at}, in ${minutes} min)`, async (system) => {
      const id = idOf(system, at, is('PENDING', 'SCHEDULED'));
      const time = system.timestamp(minutes * 60);
      const real = await system.asAda((tx) =>
        store.reschedule(tx, { id, scheduledTime: time, dispatch: DISPATCH }),
      );
      const model = system.model.reschedule(id, system.inModel(time) ?? '', DISPATCH);
      expect(compared(real ? [real] : [])).toEqual(compared(model ? [model] : []));
    }),
  );

/** Selects all tasks with these ids. There are fewer tasks here than a statement reads at most. */
const all = ({ ada }: System, ids: readonly string[]): store.Selection => ({
  organizationId: ada.organizationId,
  ids,
  ...{ batch: null, statuses: null, kind: null, queue: null, createdBy: null },
  ...{ createdFrom: null, createdTo: null, scheduledFrom: null, scheduledTo: null },
});

export const changeMany = fc
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
      expect(compared(rows)).toEqual(compared(model));
    }),
  );

export const trespass = index.map((at) =>
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
