import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('x', async () => {
  const from = Number(process.env.FROM ?? 1);
  const n = Number(process.env.SEEDS ?? 200);
  let tasks = 0,
    starts = 0;
  for (let seed = from; seed < from + n; seed++) {
    const r = await simulate(seed);
    tasks += r.tasks;
    starts += r.starts;
    expect(r.faults, `seed ${seed}`).toEqual([]);
  }
  console.log({ tasks, starts });
}, 600_000);
