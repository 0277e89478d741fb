import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Task } from '../tasks/task.ts';
import { announcer } from './frames.ts';

const task = (seq: number, watchers: string[], result: unknown = null) =>
  ({ id: 't', seq, status: 'RUNNING', result, error: null, attempt: 1, watchers }) as unknown as Task & {
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
