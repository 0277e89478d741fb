import { expect, test } from 'vitest';
import * as z from 'zod';
import { memoryTaskArtifacts } from './artifacts/testing/memory-task-artifacts.ts';
import { defineKind, defineTask, PermanentError, secondsOf, type TaskContext } from './define-task.ts';
import { NO_INPUTS } from './inputs/testing/no-inputs.ts';

const context: TaskContext = {
  signal: new AbortController().signal,
  taskId: '0',
  attempt: 1,
  idempotencyKey: 'key',
  deadline: new Date(),
  fetch: () => Promise.reject(new Error('No network in this test')),
  artifacts: memoryTaskArtifacts(),
  inputs: NO_INPUTS,
  progress() {},
  log() {},
};

const spec = {
  kind: 'text.count',
  payload: z.strictObject({ text: z.string() }),
  limits: { soft: '20s', hard: '1m' },
} as const;

test('limits are read as seconds, and what a definition leaves out has a default', () => {
  const kind = defineKind({ ...spec, retry: { maxRetries: 5 } });
  expect(kind).toMatchObject({
    softSeconds: 20,
    hardSeconds: 60,
    retry: { maxRetries: 5, base: 2, cap: 600 },
  });
});

test('a duration is a number of seconds or minutes', () => {
  expect([secondsOf('20s'), secondsOf('0.5s'), secondsOf('14m')]).toEqual([20, 0.5, 840]);
  for (const wrong of ['-1s', '1e3s', ' 1s', 'NaNs'] as const) {
    expect(() => secondsOf(wrong as `${number}s`)).toThrow('Not a duration');
  }
});

const impossible = [
  ['a hard limit that is not above the soft one', { limits: { soft: '60s', hard: '1m' } }],
  ['a hard limit above 14 minutes', { limits: { soft: '14m', hard: '841s' } }],
  ['a soft limit of nothing', { limits: { soft: '0s', hard: '1s' } }],
  ['such limits for a member of the payload', { limitsWith: { text: { soft: '14m', hard: '841s' } } }],
  ['a name without a domain', { kind: 'count' }],
  ['a fraction of a retry', { retry: { maxRetries: 1.5 } }],
  ['a backoff of nothing', { retry: { base: 0 } }],
  ['a cap below the base', { retry: { base: 10, cap: 5 } }],
] as const;

for (const [what, change] of impossible) {
  test(`a definition with ${what} is refused at import`, () => {
    expect(() => defineKind({ ...spec, ...change })).toThrow(TypeError);
  });
}

test('a task runs with its payload as parsed', async () => {
  const task = defineTask({ ...spec, run: async ({ text }) => ({ length: text.length }) });
  expect(await task.perform({ text: 'abc' }, context)).toEqual({ length: 3 });
});

test('a stored payload that no longer fits the schema fails without a retry and names the field', async () => {
  const task = defineTask({ ...spec, run: async () => null });
  await expect(task.perform({ text: 1 }, context)).rejects.toThrow(PermanentError);
  await expect(task.perform({ text: 1 }, context)).rejects.toMatchObject({
    code: 'payload_invalid',
    message: expect.stringContaining('/text'),
  });
});
