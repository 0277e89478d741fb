import { expect, test } from 'vitest';
import { MAX_RESULT_BYTES, storableResult } from './result.ts';

/** Returns a text whose JSON has so many bytes, and half as many characters. */
const textOf = (bytes: number) => 'ü'.repeat((bytes - 2) / 2);

test('a result may have exactly 32 MiB of UTF-8, quotes included', () => {
  expect(Buffer.byteLength(storableResult(textOf(MAX_RESULT_BYTES)))).toBe(MAX_RESULT_BYTES);
  expect(() => storableResult(`${textOf(MAX_RESULT_BYTES)}x`)).toThrow(
    expect.objectContaining({
      code: 'result_too_large',
      message: expect.stringContaining(`${MAX_RESULT_BYTES + 1}`),
    }),
  );
});
