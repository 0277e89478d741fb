import fc from 'fast-check';
import { expect } from 'vitest';
import * as store from '../../store/index.ts';
import type { Outcome } from '../../task.ts';
import { DISPATCH } from '../fixtures.ts';
import {
  compared,
  idOf,
  idsOf,
  index,
  is,
  isDue,
  LEASE_SECONDS,
  SOON_SECONDS,
  some,
  sorted,
  step,
} from './step.ts';
import type { System } from './system.ts';

/** Kinds that run isolated, with their hard limit. */
const KINDS: store.WorkerCapacity['kinds'] = [{ kind: 'data.process', hardSeconds: 60, isolatedWith: null }];
const rooms = fc.constantFrom(
  undefined,
  undefined,
  { kinds: KINDS, runners: 1, networkPlaces: 9, seconds: 840 },
  { kinds: KINDS, runners: 9, networkPlaces: 9, seconds: 30 },
  { kinds: [], runners: 9, networkPlaces: 1, seconds: 840 },
);

export const claim = fc
  .record({ at: some, alone: fc.boolean(), capacity: rooms })
  .map(({ at, alone, capacity }) =>
    step(
      `claim(${at}${alone ? ', alone' : ''}${capacity ? `, ${capacity.runners} runners, ${capacity.networkPlaces} wait, ${capacity.seconds} s` : ''})`,
      async (system) => {
        const ids = idsOf(system, at, isDue);
        const wanted = { ids, leaseSeconds: LEASE_SECONDS, soonSeconds: SOON_SECONDS, alone, capacity };
        const real = await store.claim(system.worker, wanted);
        const model = system.model.claim(wanted);
        expect(compared(real.claimed)).toEqual(compared(model.claimed));
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

export const settle = fc
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
        expect(compared(real)).toEqual(compared(model));
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

export const renew = fenced.map((given) =>
  step(`renew(${given.map(({ at, stale }) => `${at}${stale || ''}`)})`, async (system) => {
    const running = attemptsOf(system, given);
    const real = await store.renew(system.worker, running, LEASE_SECONDS);
    expect(sorted(real)).toEqual(sorted(system.model.renew(running, LEASE_SECONDS)));
  }),
);

export const report = fenced.map((given) =>
  step(`report(${given.map(({ at, stale }) => `${at}${stale || ''}`)})`, async (system) => {
    const progress = { fraction: 0.5, note: null, at: '2026-01-01T00:00:00Z' };
    const reports = attemptsOf(system, given).map((attempt) => ({ ...attempt, progress }));
    const real = await store.report(system.worker, reports);
    expect(compared(real)).toEqual(compared(system.model.report(reports)));
  }),
);
