import fc from 'fast-check';
import { expect } from 'vitest';
import * as store from '../../store/index.ts';
import { DISPATCH } from '../fixtures.ts';
import { compared, expectReleased, idsOf, is, LIMIT, some, step } from './step.ts';

export const release = fc.option(some).map((at) =>
  step(`release(${at ?? 'all'})`, async (system) => {
    const ids = at && idsOf(system, at, is('COMPLETED', 'FAILED', 'CANCELLED'));
    const real = await store.release(ids ? system.worker : system.dispatcher, {
      ids,
      limit: LIMIT,
      dispatch: DISPATCH,
    });
    const model = system.model.release(ids, LIMIT, DISPATCH);
    expect({ ...real, moved: compared(real.moved) }).toEqual({ ...model, moved: compared(model.moved) });
  }),
);

export const rescue = fc.option(some).map((at) =>
  step(`rescue(${at ?? 'all'})`, async (system) => {
    const ids = at && idsOf(system, at, is('RUNNING'));
    const real = await store.rescue(ids ? system.worker : system.dispatcher, ids, LIMIT);
    expect(compared(real)).toEqual(compared(system.model.rescue(ids, LIMIT)));
    if (!ids) await system.waitWholeMinutes(real);
  }),
);

export const take = fc.constant(
  step('take for dispatch', async (system) => {
    const real = await store.takeForDispatch(system.dispatcher, LIMIT, DISPATCH.resendSeconds);
    const model = system.model.takeForDispatch(LIMIT, DISPATCH.resendSeconds);
    expect(real.taken).toBe(model.taken);
    expectReleased(real.due, model.due);
  }),
);

export const dispatchAgain = some.map((at) =>
  step(`dispatch again(${at})`, async (system) => {
    const ids = idsOf(system, at, is('SCHEDULED'));
    await store.dispatchAgain(system.dispatcher, ids);
    system.model.dispatchAgain(ids);
  }),
);

export const releaseHeld = fc.constant(
  step('release held', async (system) => {
    const lanes = await store.heldLanes(system.dispatcher, LIMIT);
    const byLane = (some: readonly store.Lane[]) => some.map(({ lane }) => lane).toSorted();
    expect(byLane(lanes)).toEqual(byLane(system.model.heldLanes(LIMIT)));
    const real = await system.dispatcher.begin((tx) => store.releaseHeld(tx, lanes, DISPATCH));
    expectReleased(real as store.Released[], system.model.releaseHeld(lanes, DISPATCH));
  }),
);

export const bind = fc
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

export const skip = fc
  .constantFrom(1, 3, 10, 70)
  .map((minutes) => step(`skip(${minutes} min)`, (system) => system.skip(minutes * 60 + 2)));
