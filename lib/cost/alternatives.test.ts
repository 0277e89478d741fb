import { describe, expect, test } from 'vitest';
import { ALTERNATIVES, banded, crossings } from './alternatives.ts';

const terms = { region: 'us-east-1', freeTier: false } as const;
const named = (name: string) => {
  const found = ALTERNATIVES.find((alternative) => alternative.name.startsWith(name));
  if (!found) throw new Error(`No alternative ${name}`);
  return (tasks: number) => found.monthly(tasks, terms);
};

test('bands: the example of Temporal’s documentation, 11.25 million actions for $525', () => {
  const bands = [
    [5e6, 50],
    [10e6, 45],
    [20e6, 40],
  ] as const;
  expect(banded(11.25e6, bands)).toBe(525);
  expect(banded(0, bands)).toBe(0);
});

describe('without a task', () => {
  test.each(['QStash', 'Cloud Tasks', 'EventBridge'])('%s costs nothing', (name) => {
    expect(named(name)(0)).toBe(0);
  });

  test.each([
    ['Trigger.dev', 50],
    ['Inngest', 75],
  ])('%s costs its plan, %i dollars', (name, usd) => {
    expect(named(name)(0)).toBe(usd);
  });
});

test.each(ALTERNATIVES.map(({ name }) => name))('%s never costs less for more tasks', (name) => {
  const monthly = named(name);
  const bills = [0, 1, 1e3, 1e5, 1e6, 2e6, 1e7, 1e8].map(monthly);
  expect(bills).toEqual(bills.toSorted((a, b) => a - b));
});

describe('where two bills cross', () => {
  test('a flat one and one that grows cross once', () => {
    const [only, ...others] = crossings(
      () => 50,
      (tasks) => tasks / 1e5,
    );
    expect(others).toEqual([]);
    expect(only?.tasks).toBeCloseTo(5e6, -2);
    expect(only?.cheaperAbove).toBe('first');
  });

  test('one that is always cheaper crosses nothing', () => {
    expect(
      crossings(
        (tasks) => tasks,
        (tasks) => tasks + 1,
      ),
    ).toEqual([]);
  });

  test('equal bills cross nothing', () => {
    expect(
      crossings(
        () => 1,
        () => 1,
      ),
    ).toEqual([]);
  });

  test('one that is cheaper in the middle crosses twice', () => {
    const found = crossings(
      () => 10,
      (tasks) => (tasks < 1e4 || tasks > 1e6 ? 20 : 5),
    );
    expect(found.map(({ cheaperAbove }) => cheaperAbove)).toEqual(['second', 'first']);
  });
});
