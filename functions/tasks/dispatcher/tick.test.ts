import { describe, expect, test } from 'vitest';
import type { Lane, Released } from '../store/index.ts';
import { MAX_RELEASED } from '../store/index.ts';
import { DISPATCH } from '../verification/fixtures.ts';
import { type DispatchDeps, type Round, type TickStatements, tick } from './tick.ts';

const lanes = (count: number): Lane[] =>
  Array.from({ length: count }, (_, n) => ({
    organizationId: 'o',
    lane: `key:${String(n).padStart(6, '0')}`,
  }));

const TASK: Released = { id: 'x', organizationId: 'o', queue: 'bulk', suspect: false, dueInSeconds: 0 };

/**
 * The statements of a tick in a system that has only these lanes, in their order. Each lane releases as many tasks as `released`
 * returns.
 */
function ticking(all: readonly Lane[], released: (lane: Lane) => number, round: Round = { lane: null }) {
  const order: string[] = [];
  const statements: TickStatements = {
    rescue: async () => [],
    release: async () => ({ handled: 0, moved: [], more: false }),
    dispatchAgain: async () => {},
    heldLanes: async (_db, limit, after = null) =>
      all.filter(({ lane }) => lane > (after?.lane ?? '')).slice(0, limit),
    async releaseHeld(_tx, [lane]) {
      if (!lane) return [];
      order.push(lane.lane);
      return Array.from({ length: released(lane) }, () => TASK);
    },
    async takeForDispatch() {
      order.push('due');
      return { taken: 0, due: [] };
    },
  };
  const deps = {
    db: { begin: (work: (tx: unknown) => unknown) => work(undefined) },
    announce: () => {},
    enqueue: async () => [],
    dispatch: DISPATCH,
    round,
  } as unknown as DispatchDeps;
  return {
    order,
    statements,
    deps,
    run: (remainingSeconds: () => number) => tick(deps, remainingSeconds, statements),
  };
}

test('a slow queue gets the messages that fit into a transaction’s time, and the rest is sent by the next tick', async () => {
  let seconds = 60;
  const { run, statements, deps } = ticking([], () => 0);
  const due = Array.from(
    { length: 1_000 },
    (_, n): Released => ({ ...TASK, id: String(n), queue: 'interactive' }),
  );
  statements.takeForDispatch = async () => ({ taken: due.length, due });
  const again: string[] = [];
  statements.dispatchAgain = async (_db, ids) => void again.push(...ids);
  const sent: string[] = [];
  deps.enqueue = async (wakeUps) => {
    seconds -= 2;
    sent.push(...wakeUps.flatMap(({ ids }) => ids));
    return [];
  };
  const done = await run(() => seconds);
  expect(seconds).toBeGreaterThan(60 - 10);
  expect(sent.length).toBeGreaterThan(0);
  expect([...sent, ...again]).toEqual(due.map(({ id }) => id));
  expect(done).toMatchObject({ sent: sent.length, unsent: again.length });
});

test('tasks that wait for others leave time for due tasks', async () => {
  let seconds = 60;
  const { order, run, statements } = ticking([], () => 0);
  statements.release = async () => {
    seconds -= 5;
    return { handled: 0, moved: [], more: true };
  };
  await run(() => seconds);
  expect(order).toEqual(['due']);
});

describe('held lanes', () => {
  test('all get their turn, even if a tick can look into few of them', async () => {
    const all = lanes(2_500);
    const { order, run } = ticking(all, () => 0);
    for (let ticks = 0; ticks < 3; ticks += 1) await run(() => 60);
    expect(new Set(order)).toEqual(new Set(['due', ...all.map(({ lane }) => lane)]));
  });

  test('that there was no time for come first in the next tick', async () => {
    const { order, run } = ticking(lanes(10), () => 0);
    await run(() => (order.length < 4 ? 60 : 0));
    expect(order).toEqual(lanes(4).map(({ lane }) => lane));
    order.length = 0;
    await run(() => 60);
    expect(order.slice(0, 6)).toEqual(
      lanes(10)
        .slice(4)
        .map(({ lane }) => lane),
    );
  });

  test('are looked into once in each tick when they are few', async () => {
    const { order, run } = ticking(lanes(3), () => 0, { lane: lanes(2)[1] ?? null });
    await run(() => 60);
    expect(order).toEqual(['key:000002', 'key:000000', 'key:000001', 'due']);
  });

  test('with many tasks delay neither other lanes nor due tasks', async () => {
    const { order, run } = ticking(lanes(3), ({ lane }) => (lane === 'key:000000' ? MAX_RELEASED : 0));
    await run(() => (order.length < 10 ? 60 : 0));
    expect(order.slice(0, 6)).toEqual([
      'key:000000',
      'key:000001',
      'key:000002',
      'due',
      'key:000000',
      'key:000000',
    ]);
  });
});
