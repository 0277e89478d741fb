import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Task } from '../tasks/task.ts';
import { announcer } from './frames.ts';

const task = (seq: number, watchers: string[], result: unknown = null) =>
  ({
    id: 't',
    seq,
    status: 'RUNNING',
    result,
    artifact: null,
    error: null,
    attempt: 1,
    watchers,
  }) as unknown as Task & {
    watchers: string[];
  };

test('frames to one connection keep their order, however long each takes', async () => {
  const got: number[] = [];
  const { announce, flush } = announcer(
    async (_connection, frame) => {
      const { seq } = JSON.parse(frame);
      await sleep(seq === 1 ? 20 : 1);
      got.push(seq);
      return 'sent';
    },
    () => {},
  );
  for (const seq of [1, 2, 3]) announce([task(seq, ['c'])]);
  await flush();
  expect(got).toEqual([1, 2, 3]);
});

test('a connection that fails costs the others nothing', async () => {
  const got: string[] = [];
  const failures: unknown[] = [];
  const { announce, flush } = announcer(
    async (connection) => {
      if (connection === 'broken') throw new Error('broken');
      got.push(connection);
      return 'sent';
    },
    (error) => failures.push(error),
  );
  announce([task(1, ['broken', 'c1', 'c2'])]);
  await flush();
  expect(got.toSorted()).toEqual(['c1', 'c2']);
  expect(failures).toHaveLength(1);
});

test('a frame begins with what the seed sends, and leaves out a result that would not fit', async () => {
  const frames: string[] = [];
  const { announce, flush } = announcer(
    async (_connection, frame) => {
      frames.push(frame);
      return 'sent';
    },
    () => {},
  );
  announce([task(1, ['c'], { message: 'ok' }), task(2, ['c'], 'x'.repeat(150_000))]);
  await flush();
  expect(frames[0]).toMatch(/^\{"status":"RUNNING","result":\{"message":"ok"\}/);
  expect(JSON.parse(frames[1] ?? '')).toMatchObject({ result: null, result_omitted: true, seq: 2 });
  expect(Buffer.byteLength(frames[1] ?? '')).toBeLessThan(131_072);
});

test('a connection that is gone or stuck costs one try, and the end of an invocation waits for it no longer', async () => {
  let posts = 0;
  const { announce, flush } = announcer(
    async (connection, _frame, signal) => {
      posts += 1;
      if (connection === 'gone') return 'gone';
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
    () => {},
  );
  for (let seq = 1; seq <= 50; seq += 1) announce([task(seq, ['gone', 'stuck'])]);
  await flush();
  expect(posts).toBe(2);
}, 10_000);
