import { expect, test } from 'vitest';
import { MAX_ROW_BYTES } from '../result.ts';
import { storeResult } from './store-result.ts';

const task = { id: 'task', organizationId: 'home', attempt: 2 };

test('a result that is too large is returned by its size, and stored in the bucket as JSON', async () => {
  const put: string[][] = [];
  const keep = (text: string) => storeResult(async (...given) => void put.push(given), task, text);
  const fits = JSON.stringify('ü'.repeat(MAX_ROW_BYTES / 2 - 1));
  expect(await keep(fits)).toEqual({ result: JSON.parse(fits) });
  const text = JSON.stringify('ü'.repeat(MAX_ROW_BYTES / 2));
  const key = 'results/home/task/2.json';
  expect(await keep(text)).toEqual({ result: null, artifact: { key, bytes: MAX_ROW_BYTES + 2 } });
  expect(put).toEqual([[key, text, 'application/json']]);
});
