import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeLine } from './time-line.ts';

test('values come out by their time, those of one time in the order in which they came, and removed ones never', () => {
  const action = fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: fc.nat(300), time: fc.nat(50) }) },
    { weight: 4, arbitrary: fc.record({ remove: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ until: fc.nat(50) }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 600 }), (actions) => {
      const line = new TimeLine<number>();
      let model: { value: number; time: number }[] = [];
      for (const act of actions) {
        if ('until' in act) {
          const due = model.filter(({ time }) => time <= act.until).sort((a, b) => a.time - b.time);
          expect([...line.until(act.until)]).toEqual(due.map(({ value }) => value));
          model = model.filter(({ time }) => time > act.until);
        } else {
          const value = 'add' in act ? act.add : act.remove;
          model = model.filter((entry) => entry.value !== value);
          if ('add' in act) model.push({ value, time: act.time });
          if ('add' in act) line.add(value, act.time);
          else line.remove(value);
        }
        expect(line.size).toBe(model.length);
        expect(line.first).toBe(model.length > 0 ? Math.min(...model.map(({ time }) => time)) : undefined);
      }
    }),
    { numRuns: 60 },
  );
});
