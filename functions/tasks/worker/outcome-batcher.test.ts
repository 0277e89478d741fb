import { expect, test } from 'vitest';
import type { Outcome } from '../task.ts';
import { type OutcomeBatcherPorts, outcomeBatcher } from './outcome-batcher.ts';

const done = (id: string): Outcome => ({ id, attempt: 1, kind: 'complete', result: null });
const failed = (id: string): Outcome => ({
  id,
  attempt: 1,
  kind: 'fail',
  error: { code: 'x', message: 'x' },
});
const databaseError = (code: string) => Object.assign(new Error(code), { code });

/** An outcome batcher on a database that behaves like `write`. It records what was written and what was lost. */
function batcherOn(
  write: (outcomes: readonly Outcome[]) => Promise<void>,
  given: Partial<OutcomeBatcherPorts<Outcome>> = {},
) {
  const written: [string, string][] = [];
  const lost: string[] = [];
  const settle = outcomeBatcher<Outcome>({
    write: async (outcomes) => {
      await write(outcomes);
      written.push(...outcomes.map((outcome): [string, string] => [outcome.id, outcome.kind]));
      return [...outcomes];
    },
    onSettled: () => {},
    onLost: (outcome) => lost.push(outcome.id),
    remainingSeconds: () => 900,
    ...given,
  });
  return { settle, written, lost };
}

test('outcomes that arrive together are settled by one statement, those that arrive meanwhile by the next', async () => {
  const batches: string[][] = [];
  const [underWay, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { settle } = batcherOn(async (outcomes) => {
    batches.push(outcomes.map((outcome) => outcome.id));
    underWay.resolve();
    await over.promise;
  });
  const first = [settle(done('a')), settle(done('b'))];
  await underWay.promise;
  const second = [settle(done('c')), settle(done('d'))];
  over.resolve();
  await Promise.all([...first, ...second]);
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('a database that is away for a while loses no outcome', async () => {
  let tries = 0;
  const { settle, written } = batcherOn(async () => {
    if (++tries < 3) throw databaseError('CONNECTION_CLOSED');
  });
  await settle(done('a'));
  expect([tries, written]).toEqual([3, [['a', 'complete']]]);
});

test('an outcome is given up when the database stays away until the time is over', async () => {
  const away = () => Promise.reject(databaseError('CONNECTION_CLOSED'));
  const { settle } = batcherOn(away, { remainingSeconds: () => 1 });
  await expect(settle(done('a'))).rejects.toThrow('CONNECTION_CLOSED');
});

test('a result that the database refuses fails its own task, and its neighbours are settled', async () => {
  const { settle, written, lost } = batcherOn(async (outcomes) => {
    if (outcomes.some((outcome) => outcome.id === 'bad' && outcome.kind === 'complete'))
      throw databaseError('22P05');
  });
  await Promise.all([settle(done('a')), settle(done('bad')), settle(done('c'))]);
  expect(written.toSorted()).toEqual([
    ['a', 'complete'],
    ['bad', 'fail'],
    ['c', 'complete'],
  ]);
  expect(lost).toEqual([]);
});

test('an error that the database refuses is given up, and its neighbours are settled', async () => {
  const { settle, written, lost } = batcherOn(async (outcomes) => {
    if (outcomes.some((outcome) => outcome.id === 'bad')) throw databaseError('23514');
  });
  await Promise.all([settle(done('a')), settle(failed('bad')), settle(done('c'))]);
  expect(written.map(([id]) => id).toSorted()).toEqual(['a', 'c']);
  expect(lost).toEqual(['bad']);
});
