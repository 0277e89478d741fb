import { expect, test } from 'vitest';
import { resultLink } from './result-link.ts';

const artifacts = { presignDownload: (...given: unknown[]) => given.join(' ') };

test('the URL of a large result is valid for 15 minutes, and names the file after the task', () => {
  const task = { id: 'task', artifact: { key: 'results/1.json', bytes: 300_000 } };
  expect(resultLink({ artifacts }, task)).toEqual({ result_url: 'results/1.json task.json 900' });
});

test('a result in the row has no URL', () => {
  expect(resultLink({ artifacts }, { id: 'task', artifact: null })).toEqual({ result_url: null });
});
