import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Batch, Task, Watched } from '../tasks/task.ts';
import { announcer } from './frames.ts';
import { taskFrame } from './task-frame.ts';

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
    batch: null,
  }) as unknown as Watched<Task>;

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

test('a connection that fails does not delay the others', async () => {
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

test('a frame begins with `status` and `result`, and leaves out a result that would not fit', async () => {
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

test('the details of an error are left out when they do not fit, but not its code and message', () => {
  const error = {
    code: 'lines_invalid',
    message: '100 of 100 lines',
    first_bad_lines: ['🥬'.repeat(30_000)],
  };
  const frame = taskFrame({ ...task(1, []), error });
  expect(JSON.parse(frame)).toMatchObject({
    error: { code: 'lines_invalid', message: '100 of 100 lines', details_omitted: true },
    error_message: '100 of 100 lines',
  });
  expect(Buffer.byteLength(frame)).toBeLessThan(131_072);
  const short = { ...error, first_bad_lines: [] };
  expect(JSON.parse(taskFrame({ ...task(1, []), error: short })).error).toEqual(short);
});

test('a connection that is gone or stuck costs one try, and does not delay the end of an invocation', async () => {
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

test('a connection that has failed, or is gone, is tried again by the next invocation', async () => {
  const got: number[] = [];
  const { announce, flush } = announcer(
    async (_connection, frame) => {
      const { seq } = JSON.parse(frame);
      got.push(seq);
      if (seq === 1) throw new Error('broken');
      return 'gone';
    },
    () => {},
  );
  announce([task(1, ['c']), task(2, ['c'])]);
  // Must also work when everything was sent or given up before `flush`.
  await sleep(20);
  await flush();
  announce([task(3, ['c']), task(4, ['c'])]);
  await flush();
  announce([task(5, ['c'])]);
  await flush();
  expect(got).toEqual([1, 3, 5]);
});

test('the number of parallel posts is bounded, and all frames are sent', async () => {
  let [underWay, most, sent] = [0, 0, 0];
  const { announce, flush } = announcer(
    async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await sleep(1);
      underWay -= 1;
      sent += 1;
      return 'sent';
    },
    () => {},
  );
  const connections = Array.from({ length: 100 }, (_, n) => `c${n}`);
  for (const seq of [1, 2]) {
    announce([task(seq, connections)]);
    await flush();
  }
  expect([most, sent]).toEqual([32, 200]);
});

test('a slow connection does not get the frames that are left at the end', async () => {
  let posts = 0;
  const { announce, flush } = announcer(
    async () => {
      posts += 1;
      await sleep(400);
      return 'sent';
    },
    () => {},
  );
  for (let seq = 1; seq <= 20; seq += 1) announce([task(seq, ['slow'])]);
  await flush();
  expect(posts).toBeLessThan(20);
}, 15_000);

describe('of a batch', () => {
  afterEach(() => vi.useRealTimers());

  const batch = (id: string, seq: number, given: Partial<Batch> = {}) =>
    ({
      id,
      seq,
      total: 10,
      completed: seq,
      failed: 0,
      cancelled: 0,
      watchers: ['c'],
      ...given,
    }) as unknown as NonNullable<Watched<Task>['batch']>;
  const moved = (id: string, seq: number) => ({ ...task(1, []), batch: batch(id, seq) });

  /** Returns an announcer, and the frames that it posts. */
  function posting() {
    const got: { id: string; seq: number }[] = [];
    const made = announcer(
      async (_connection, frame) => {
        const { id, seq } = JSON.parse(frame);
        got.push({ id, seq });
        return 'sent';
      },
      () => {},
    );
    return { ...made, got };
  }

  test('the first state goes out at once, then the latest at intervals, and the last always', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { announce, flush, got } = posting();
    const seqs = () => got.map(({ seq }) => seq);
    announce([moved('b', 1), moved('b', 2), moved('b', 3)]);
    await vi.advanceTimersByTimeAsync(249);
    expect(seqs()).toEqual([1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seqs()).toEqual([1, 3]);
    announce([moved('b', 4), moved('b', 5)]);
    await vi.advanceTimersByTimeAsync(249);
    expect(seqs()).toEqual([1, 3]);
    await flush();
    expect(seqs()).toEqual([1, 3, 5]);
  });

  test('each invocation begins with a state at once', async () => {
    const { announce, flush, got } = posting();
    for (const seq of [1, 2]) {
      announce([moved('b', seq)]);
      await new Promise(setImmediate);
      expect(got.at(-1)).toMatchObject({ seq });
      await flush();
    }
  });

  test('a state older than the last one is dropped, and batches do not wait for each other', async () => {
    const { announce, announceBatch, flush, got } = posting();
    announce([moved('b', 7), moved('other', 1), moved('b', 6)]);
    announceBatch(batch('b', 7));
    await flush();
    expect(got.map(({ id, seq }) => `${id} ${seq}`)).toEqual(['b 7', 'other 1']);
  });

  test('a frame has the progress', async () => {
    const frames: unknown[] = [];
    const { announceBatch, flush } = announcer(
      async (_connection, frame) => {
        frames.push(JSON.parse(frame));
        return 'sent';
      },
      () => {},
    );
    const times = { updatedAt: '2026-01-01T01:00:00.5+01:00', finishedAt: null };
    announceBatch(batch('b', 3, { ...times, name: 'Letters', sealed: true, failed: 1, cancelled: 1 }));
    await flush();
    expect(frames).toEqual([
      {
        type: 'batch',
        id: 'b',
        status: 'running',
        total: 10,
        completed: 3,
        failed: 1,
        cancelled: 1,
        progress: 0.5,
        seq: 3,
        name: 'Letters',
        updated_at: '2026-01-01T00:00:00.500Z',
        finished_at: null,
      },
    ]);
  });
});

test('a frame has the time of the next attempt, for retries only', () => {
  const runAt = new Date('2026-11-26T12:00:00.000Z');
  const next = (given: Partial<Task>) =>
    JSON.parse(taskFrame({ ...task(1, []), runAt, ...given })).next_attempt_at;
  expect(next({ status: 'SCHEDULED', attempt: 1 })).toBe(runAt.toISOString());
  expect([next({ status: 'SCHEDULED', attempt: 0 }), next({ status: 'RUNNING', attempt: 2 })]).toEqual([
    null,
    null,
  ]);
});

test('a frame has the message of an error, and marks a result that is too large for the row', () => {
  const error = { code: 'boom', message: 'It went wrong' };
  const artifact = { key: 'results/1.json', bytes: 300_000 };
  expect(JSON.parse(taskFrame({ ...task(1, []), error }))).toMatchObject({ error_message: error.message });
  expect(JSON.parse(taskFrame({ ...task(1, []), artifact }))).toMatchObject({ result_omitted: true });
  expect(JSON.parse(taskFrame(task(1, [])))).not.toHaveProperty('result_omitted');
});

test('a frame has the lines of the log when there are new ones', () => {
  const lines = [{ at: '2026-11-26T00:00:00.000Z', level: 'info', message: 'hello' }] as const;
  expect(JSON.parse(taskFrame({ ...task(1, []), logs: lines }))).toMatchObject({ logs: lines });
  expect(JSON.parse(taskFrame(task(1, [])))).not.toHaveProperty('logs');
});
