import { expect, test } from 'vitest';
import { settler } from './settler.ts';
import type { Outcome } from './task.ts';

const done = (id: string): Outcome => ({ id, attempt: 1, kind: 'complete', result: null });
const databaseError = (code: string) => Object.assign(new Error(code), { code });

test('outcomes that arrive together are settled by one statement, those that arrive meanwhile by the next', async () => {
  const batches: string[][] = [];
  const settle = settler<Outcome>(
    async (outcomes) => {
      batches.push(outcomes.map((outcome) => outcome.id));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return [...outcomes];
    },
    async () => {},
    () => 900,
  );
  const first = [settle(done('a')), settle(done('b'))];
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = [settle(done('c')), settle(done('d'))];
  await Promise.all([...first, ...second]);
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('a database that is away for a while loses no outcome', async () => {
  let tries = 0;
  const written: string[] = [];
  const settle = settler<Outcome>(
    async (outcomes) => {
      if (++tries < 3) throw databaseError('CONNECTION_CLOSED');
      written.push(...outcomes.map((outcome) => outcome.id));
      return [...outcomes];
    },
    async () => {},
    () => 900,
  );
  await settle(done('a'));
  expect([tries, written]).toEqual([3, ['a']]);
});

test('a database that stays away is given up when the time is', async () => {
  const settle = settler<Outcome>(
    () => Promise.reject(databaseError('CONNECTION_CLOSED')),
    async () => {},
    () => 1,
  );
  await expect(settle(done('a'))).rejects.toThrow('CONNECTION_CLOSED');
});

test('a result that the database refuses fails its own task, and its neighbours are settled', async () => {
  const written: [string, string][] = [];
  const settle = settler<Outcome>(
    async (outcomes) => {
      if (outcomes.some((outcome) => outcome.id === 'bad' && outcome.kind === 'complete'))
        throw databaseError('22P05');
      written.push(...outcomes.map((outcome): [string, string] => [outcome.id, outcome.kind]));
      return [...outcomes];
    },
    async () => {},
    () => 900,
  );
  await Promise.all([settle(done('a')), settle(done('bad')), settle(done('c'))]);
  expect(written.toSorted()).toEqual([
    ['a', 'complete'],
    ['bad', 'fail'],
    ['c', 'complete'],
  ]);
});
