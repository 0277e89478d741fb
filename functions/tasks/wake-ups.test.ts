import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Due, IDS_PER_MESSAGE, wakeUps } from './wake-ups.ts';

const due: fc.Arbitrary<Due[]> = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    organizationId: fc.constantFrom('a', 'b'),
    queue: fc.constantFrom('interactive' as const, 'bulk' as const),
    dueInSeconds: fc.double({ min: -100, max: 2_000, noNaN: true }),
    suspect: fc.boolean(),
  }),
  { selector: (task) => task.id, maxLength: 300 },
);

test('every due task is in exactly one message', () => {
  fc.assert(
    fc.property(due, (tasks) => {
      const sent = wakeUps(tasks).flatMap((wakeUp) => wakeUp.ids);
      expect(sent.toSorted()).toEqual(tasks.map((task) => task.id).toSorted());
    }),
  );
});

test('a message is for one organization and queue, within its size, and never later than its tasks are due', () => {
  fc.assert(
    fc.property(due, (tasks) => {
      const byId = new Map(tasks.map((task) => [task.id, task]));
      for (const { ids, organizationId, queue, delaySeconds } of wakeUps(tasks)) {
        expect(ids.length).toBeLessThanOrEqual(IDS_PER_MESSAGE[queue]);
        expect(Number.isInteger(delaySeconds) && delaySeconds >= 0 && delaySeconds <= 900).toBe(true);
        for (const id of ids) {
          const task = byId.get(id);
          expect(task).toMatchObject({ organizationId, queue });
          expect(delaySeconds).toBeLessThanOrEqual(Math.max(0, task?.dueInSeconds ?? 0));
          if (task?.suspect) expect(ids).toEqual([id]);
        }
      }
    }),
  );
});

test('a thousand due tasks of one organization make ten bulk messages', () => {
  const tasks = Array.from({ length: 1_000 }, (_, i) => ({
    id: `${i}`,
    organizationId: 'a',
    queue: 'bulk' as const,
    dueInSeconds: 0,
  }));
  expect(wakeUps(tasks)).toHaveLength(10);
});
