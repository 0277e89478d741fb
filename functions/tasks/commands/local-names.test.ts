import { describe, expect, test } from 'vitest';
import { localNameErrors, type NamedTask, withIds } from './local-names.ts';

const task = (ref: string | null, ...dependsOn: string[]): NamedTask => ({
  ref,
  dependsOn: dependsOn.length > 0 ? dependsOn : null,
  inputs: null,
});
const named = (ref: string | null, inputs: Record<string, string>): NamedTask => ({
  ref,
  dependsOn: Object.values(inputs),
  inputs,
});

/** Returns the errors by place, each as its pointer and detail. */
const errorsOf = (tasks: readonly NamedTask[], badNames: readonly string[] = []) =>
  Object.fromEntries(
    [...localNameErrors(tasks, new Set(badNames))].map(([place, errors]) => [
      place,
      errors.map(({ pointer, detail }) => `${pointer} ${detail}`),
    ]),
  );

describe('local names', () => {
  test('may be used before and after the task that has them', () => {
    expect(errorsOf([task('a', '#c'), task(null, '#a', '#c'), task('c')])).toEqual({});
  });

  test('are resolved to the ids of the tasks, in lists and under names', () => {
    const other = '01a1fcfc-58b2-74c3-997b-0cb650307219';
    const tasks = [task('a', other, '#b'), task('b'), named(null, { left: '#a', right: other })];
    expect(withIds(tasks, ['1', '2', '3'])).toEqual([
      { ref: 'a', dependsOn: [other, '2'], inputs: null },
      { ref: 'b', dependsOn: null, inputs: null },
      { ref: null, dependsOn: ['1', other], inputs: { left: '1', right: other } },
    ]);
  });

  test('must exist', () => {
    expect(errorsOf([task('a'), task(null, '#a', '#b'), named(null, { x: '#A' })])).toEqual({
      1: ['/depends_on/1 No task of this request has the ref b'],
      2: ['/depends_on/x No task of this request has the ref A'],
    });
  });

  test('must be unique', () => {
    const twice = '/ref Another task of this request has the ref a';
    expect(errorsOf([task('a'), task('a'), task(null, '#a')])).toEqual({
      0: [twice],
      1: [twice],
      2: ['/depends_on/0 The task #a is not created'],
    });
    expect(errorsOf([task('a')], ['a'])).toEqual({ 0: [twice] });
  });

  test('of bad tasks take all tasks with them that wait for these', () => {
    expect(errorsOf([task('a', '#b'), task('b', '#bad'), task('c'), task('d', '#c', '#a')], ['bad'])).toEqual(
      {
        0: ['/depends_on/0 The task #b is not created'],
        1: ['/depends_on/0 The task #bad is not created'],
        3: ['/depends_on/1 The task #a is not created'],
      },
    );
  });
});

describe('a cycle', () => {
  test('is refused at each of its tasks, with its path from there', () => {
    expect(errorsOf([task('free'), task('a', '#free', '#b'), task('b', '#c'), task('c', '#a')])).toEqual({
      1: ['/depends_on/1 Must not wait for itself: a → b → c → a'],
      2: ['/depends_on/0 Must not wait for itself: b → c → a → b'],
      3: ['/depends_on/0 Must not wait for itself: c → a → b → c'],
    });
  });

  test('of one task is refused', () => {
    expect(errorsOf([task('a', '#a')])).toEqual({ 0: ['/depends_on/0 Must not wait for itself: a → a'] });
  });

  test('takes the tasks with it that wait for it', () => {
    expect(errorsOf([task('end', '#a'), task('a', '#b'), task('b', '#a'), task(null, '#end')])).toEqual({
      0: ['/depends_on/0 The task #a is not created'],
      1: ['/depends_on/0 Must not wait for itself: a → b → a'],
      2: ['/depends_on/0 Must not wait for itself: b → a → b'],
      3: ['/depends_on/0 The task #end is not created'],
    });
  });

  test('does not hide another one', () => {
    const tasks = [task('a', '#b'), task('b', '#a'), task('c', '#d'), task('d', '#c')];
    expect(Object.values(errorsOf(tasks)).flat()).toEqual([
      '/depends_on/0 Must not wait for itself: a → b → a',
      '/depends_on/0 Must not wait for itself: b → a → b',
      '/depends_on/0 Must not wait for itself: c → d → c',
      '/depends_on/0 Must not wait for itself: d → c → d',
    ]);
  });

  test('of 10,000 tasks is named in a short text', () => {
    const size = 10_000;
    const errors = errorsOf(Array.from({ length: size }, (_, n) => task(`t${n}`, `#t${(n + 1) % size}`)));
    expect(Object.keys(errors)).toHaveLength(size);
    expect(errors[9_999]).toEqual([
      '/depends_on/0 Must not wait for itself: t9999 → t0 → t1 → t2 → t3 → t4 → t5 → t6 → t7 → t8 → (9990 more) → t9999',
    ]);
  });
});
