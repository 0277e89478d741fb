import { expect, test } from 'vitest';
import { deriveKeys } from './derived-keys.ts';
import { rememberKeys } from './published-keys.ts';

const { published } = await deriveKeys({ current: 'x'.repeat(64), previous: 'y'.repeat(64) });
const [newer, older] = published.map(({ kid }) => kid) as [string, string];

/** Returns a table of keys that the test can change, a clock that the test sets in seconds, and the number of reads. */
function table(initially = published) {
  const state = { rows: initially, seconds: 0, reads: 0 };
  const find = rememberKeys(
    async () => {
      state.reads += 1;
      return state.rows;
    },
    () => state.seconds * 1000,
  );
  return { state, find };
}

test('keys are read once and remembered', async () => {
  const { state, find } = table();
  for (const kid of [newer, older, newer]) expect(await find(kid)).toBeDefined();
  expect(state.reads).toBe(1);
});

test('requests at once share a read', async () => {
  const { state, find } = table();
  await Promise.all([find(newer), find(older), find('forged')]);
  expect(state.reads).toBe(1);
});

test('forged key ids cause at most one read in five seconds', async () => {
  const { state, find } = table();
  await find(newer);
  for (let i = 0; i < 1000; i += 1) {
    state.seconds = i / 100;
    expect(await find(`forged ${i}`)).toBeUndefined();
  }
  expect(state.reads).toBe(2);
});

test('a key that is published later is found at its first use', async () => {
  const { state, find } = table(published.slice(1));
  expect(await find(older)).toBeDefined();
  state.rows = published;
  state.seconds = 6;
  expect(await find(newer)).toBeDefined();
});

test('a withdrawn key is accepted for ten minutes at most', async () => {
  const { state, find } = table();
  await find(older);
  state.rows = published.slice(0, 1);
  state.seconds = 599;
  expect(await find(older)).toBeDefined();
  state.seconds = 600;
  expect(await find(older)).toBeUndefined();
});
