import { expect, test } from 'vitest';
import { MESSAGE_BURST } from './message-rate.ts';
import { MAX_SUBSCRIPTIONS } from './store.ts';
import { taskFrame } from './task-frame.ts';

type FramedTask = Parameters<typeof taskFrame>[0];

/** Maximum bytes that API Gateway posts. */
const MAX_FRAME_BYTES = 131_072;

/** Maximum bytes of a result, or of an error, in a frame. */
const MAX_PART_BYTES = 100_000;

const frameOf = (fields: Partial<FramedTask>) => {
  const text = taskFrame({ artifact: null, error: null, ...fields } as FramedTask);
  return { bytes: Buffer.byteLength(text), frame: JSON.parse(text) };
};

/** Returns a text whose JSON has this many bytes. */
const textOf = (bytes: number) => `${'ü'.repeat((bytes - 2) >> 1)}${bytes % 2 === 1 ? 'x' : ''}`;

test('a frame carries a result of exactly 100,000 bytes, and leaves out a longer one', () => {
  const fits = textOf(MAX_PART_BYTES);
  expect(Buffer.byteLength(JSON.stringify(fits))).toBe(MAX_PART_BYTES);
  expect(frameOf({ result: fits }).frame).toMatchObject({ result: fits });
  expect(frameOf({ result: textOf(MAX_PART_BYTES + 1) }).frame).toMatchObject({
    result: null,
    result_omitted: true,
  });
});

test('a frame carries an error of exactly 100,000 bytes, and leaves out the details of a longer one', () => {
  const error = (bytes: number) => {
    const bare = { code: 'c', message: 'm', details: '' };
    return { ...bare, details: 'x'.repeat(bytes - JSON.stringify(bare).length) };
  };
  expect(frameOf({ error: error(MAX_PART_BYTES) }).frame.error).toEqual(error(MAX_PART_BYTES));
  expect(frameOf({ error: error(MAX_PART_BYTES + 1) }).frame.error).toEqual({
    code: 'c',
    message: 'm',
    details_omitted: true,
  });
});

test('a frame with everything at its limit fits into a post of API Gateway', () => {
  const longest = {
    progress: { fraction: 1, note: '\u0001'.repeat(200) },
    logs: Array.from({ length: 100 }, () => 'x'.repeat(160)),
    error: { code: 'c', message: '🥬'.repeat(500), details: '' },
  };
  const details = 'x'.repeat(MAX_PART_BYTES - Buffer.byteLength(JSON.stringify(longest.error)));
  const { bytes, frame } = frameOf({
    ...longest,
    error: { ...longest.error, details },
  } as unknown as FramedTask);
  expect(frame).not.toHaveProperty('error.details_omitted');
  expect(bytes).toBeLessThan(MAX_FRAME_BYTES);
});

test('a client may send all its subscriptions at once', () => {
  expect(MESSAGE_BURST).toBe(2 * MAX_SUBSCRIPTIONS);
});
