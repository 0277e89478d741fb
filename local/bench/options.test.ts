import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

test('only a whole run rewrites the page', () => {
  expect(readOptions([]).isWhole).toBe(true);
  expect(readOptions(['--rounds', '5'])).toMatchObject({
    isWhole: true,
    scale: { rounds: 5, tasks: 20_000 },
  });
  expect(readOptions(['--quick']).isWhole).toBe(false);
  expect(readOptions(['--only', 'celery,tick'])).toMatchObject({ isWhole: false, only: ['celery', 'tick'] });
});

test('a number that is none is refused, and so is an unknown option', () => {
  for (const text of ['0', '-1', '2.5', 'many', '']) {
    expect(() => readOptions([`--rounds=${text}`])).toThrow('--rounds');
  }
  expect(() => readOptions(['--fast'])).toThrow('--fast');
});
