import { expect, test } from 'vitest';
import { eachInTurn } from './each-in-turn.ts';

test('the parts run one after the other, even after a part failed', async () => {
  const ran: string[] = [];
  const told: unknown[] = [];
  const outage = new Error('away');
  const { results, failed } = await eachInTurn(
    {
      first: async () => ran.push('first'),
      second: () => Promise.reject(outage),
      third: async () => ran.push('third'),
    },
    (...failure) => told.push(failure),
  );
  expect(ran).toEqual(['first', 'third']);
  expect(results).toEqual({ first: 1, third: 2 });
  expect(failed).toEqual(['second']);
  expect(told).toEqual([['second', outage]]);
});
