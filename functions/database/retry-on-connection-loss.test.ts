import { expect, test } from 'vitest';
import { retryOnConnectionLoss } from './retry-on-connection-loss.ts';

const failing = (times: number, error: Error) => {
  let tries = 0;
  return {
    tries: () => tries,
    work: async () => {
      tries += 1;
      if (tries <= times) throw error;
      return 'done';
    },
  };
};
const lost = Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });

test('work is done again when the connection was lost, at most twice more', async () => {
  expect(await retryOnConnectionLoss(failing(2, lost).work)).toBe('done');
  const { work, tries } = failing(3, lost);
  const start = performance.now();
  await expect(retryOnConnectionLoss(work)).rejects.toBe(lost);
  expect(tries()).toBe(3);
  // A database that restarts needs some time.
  expect(performance.now() - start).toBeGreaterThan(590);
});

test('work that lost a deadlock is repeated', async () => {
  const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
  expect(await retryOnConnectionLoss(failing(1, deadlock).work)).toBe('done');
});

test('a statement that the database refuses is not repeated', async () => {
  const refused = Object.assign(new Error('duplicate key'), { code: '23505' });
  const { work, tries } = failing(1, refused);
  await expect(retryOnConnectionLoss(work)).rejects.toBe(refused);
  expect(tries()).toBe(1);
});
