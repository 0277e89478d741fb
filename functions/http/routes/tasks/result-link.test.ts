import { expect, test } from 'vitest';
import { resultLink } from './result-link.ts';

const artifacts = { presignDownload: (...given: unknown[]) => given.join(' ') };

test('the address of a large result is good for a quarter of an hour, and names its file by the task', () => {
  const task = { id: 'task', artifact: { key: 'results/1.json', bytes: 300_000 } };
  expect(resultLink({ artifacts }, task)).toEqual({ result_url: 'results/1.json task.json 900' });
});

test('a result that is in the row has none', () => {
  expect(resultLink({ artifacts }, { id: 'task', artifact: null })).toEqual({ result_url: null });
});
