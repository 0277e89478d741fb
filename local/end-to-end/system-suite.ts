import { setTimeout as sleep } from 'node:timers/promises';
import { PurgeQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startProvider } from '../../functions/prices/testing/provider.ts';
import type { Runtime } from '../runtime.ts';
import { artifactTests } from './artifact-suite.ts';
import { batchTests } from './batch-suite.ts';
import { register, request, type User, watch, watchFromBefore } from './client.ts';
import { membershipTests } from './membership-suite.ts';
import type { Platform } from './platform.ts';
import { slowTarget } from './slow-target.ts';
import { textTests } from './text-suite.ts';

const EXAMPLE_TASK = {
  name: 'Data Processing Task',
  description: 'Process some data in the background.',
  scheduled_time: '2024-11-20T10:00:00Z',
};

const waitFor = { timeout: 60_000, interval: 50 };

/**
 * Registers the tests of the whole system: real Postgres, a real queue, real sockets, and the deployed bundles, each in
 * its own sandbox. The tests are equal on every platform.
 *
 * @returns a function that returns the started runtime, for the tests that a platform adds
 */
export function systemTests(platform: Platform): () => Runtime {
  // Longer than the longest wait of a single test.
  vi.setConfig({ testTimeout: 90_000 });
  let runtime: Runtime;
  let sql: postgres.Sql;
  let provider: Awaited<ReturnType<typeof startProvider>>;
  let target: Awaited<ReturnType<typeof slowTarget>>;
  let ada: User;

  beforeAll(async () => {
    provider = await startProvider();
    target = await slowTarget();
    runtime = await platform.start({
      schedules: false,
      env: { OUTBOUND_LOOPBACK: 'allowed', PRICE_PROVIDER_URL: provider.url, DISPATCH_RESEND_SECONDS: '1' },
    });
    sql = postgres(runtime.databaseUrl, { max: 2, onnotice: () => {} });
    ada = await register(runtime.url);
  }, 120_000);

  afterAll(async () => {
    await sql?.end();
    await runtime?.stop();
    await provider?.close();
    await target?.close();
  });

  batchTests(() => ({ runtime, ada }));
  artifactTests(() => ({ runtime, ada }));
  membershipTests(() => ({ runtime, ada, sql }));
  textTests(() => ({ ada }));

  async function counts(ids: readonly string[]) {
    const rows = await sql<{ status: string; count: number }[]>`
      select status, count(*)::int as count from tasks where id = any (${ids as string[]}::uuid[]) group by status`;
    return Object.fromEntries(rows.map((row) => [row.status, row.count]));
  }

  /** Creates a task that requests a path of the target. */
  const requestOf = (path: string, more: Record<string, unknown> = {}) =>
    ada.create({ name: path, kind: 'http.request', payload: { url: target.url + path }, ...more });
  const times = <T>(count: number, run: () => Promise<T>) => Promise.all(Array.from({ length: count }, run));

  describe("the replaced API's walk-through, word for word (docs/compatibility.md)", () => {
    test('schedule, watch by its WebSocket address, and see it complete', async () => {
      const login = await request({
        url: runtime.url,
        method: 'POST',
        path: '/api/token/',
        body: { username: ada.email, password: 'a long enough password' },
      });
      expect(Object.keys(login.body).toSorted()).toEqual(['access', 'refresh']);
      const {
        ids: [id = ''],
        watcher,
      } = await watchFromBefore(ada, [EXAMPLE_TASK], ([task]) =>
        watch(`${runtime.wsUrl}/ws/tasks/${task}/?token=${login.body.access}`),
      );
      const last = await watcher.until((frame) => frame.status === 'COMPLETED');
      expect(last).toMatchObject({ status: 'COMPLETED', result: { message: 'Data processed successfully' } });
      expect(watcher.frames.map((frame) => [frame.status, frame.seq])).toEqual([
        ['SCHEDULED', 1],
        ['RUNNING', 2],
        ['COMPLETED', 3],
      ]);
      const status = await ada.ask('GET', `/api/tasks/${id}/status/`);
      expect(status.body).toMatchObject({
        id,
        status: 'COMPLETED',
        result: { message: 'Data processed successfully' },
      });
      const [row] = await sql`select started_at >= run_at as "notEarly" from tasks where id = ${id}`;
      expect(row?.notEarly).toBe(true);
      watcher.socket.close();
    });

    test('a client that comes late is told how it ended', async () => {
      const id = await ada.create(EXAMPLE_TASK);
      await expect.poll(() => counts([id]), waitFor).toEqual({ COMPLETED: 1 });
      const watcher = await watch(`${runtime.wsUrl}/ws/tasks/${id}/`, ['celeriac', ada.access]);
      expect(await watcher.until(() => true)).toMatchObject({ status: 'COMPLETED' });
      expect(watcher.socket.protocol).toBe('celeriac');
      watcher.socket.close();
    });

    test('cancel before the start, and retry', async () => {
      const id = await ada.create({
        ...EXAMPLE_TASK,
        scheduled_time: new Date(Date.now() + 3_600_000).toISOString(),
      });
      expect((await ada.ask('POST', `/api/tasks/${id}/cancel/`)).body.status).toBe('CANCELLED');
      expect((await ada.ask('POST', `/api/tasks/${id}/cancel/`)).body.error).toBe(
        'Task cannot be cancelled in its current state',
      );
      expect((await ada.ask('POST', `/api/tasks/${id}/retry/`)).body.status).toBe('SCHEDULED');
      await expect.poll(() => counts([id]), waitFor).toEqual({ COMPLETED: 1 });
      expect((await ada.ask('POST', `/api/tasks/${id}/retry/`)).body.error).toBe('Task cannot be retried');
    });

    test('cancel while it runs', async () => {
      const id = await requestOf('/wait/20000/x');
      await expect.poll(() => counts([id]), waitFor).toEqual({ RUNNING: 1 });
      const answer = await ada.ask('POST', `/api/tasks/${id}/cancel/`);
      expect([answer.status, answer.body.status]).toEqual([202, 'RUNNING']);
      await expect.poll(() => counts([id]), waitFor).toEqual({ CANCELLED: 1 });
    });

    test('a failing task is retried with backoff, and its failure is explained', async () => {
      const id = await requestOf('/fail/', { max_retries: 1 });
      await expect.poll(() => counts([id]), waitFor).toEqual({ FAILED: 1 });
      const { body } = await ada.ask('GET', `/api/tasks/${id}/`);
      expect(body).toMatchObject({ status: 'FAILED', attempt: 2, error: { status: 503 } });
      expect(body.error_message).toContain('503');
      expect(target.hits.get(id)).toBe(2);
    });
  });

  describe('the socket', () => {
    test('is closed to strangers, and foreign and unknown tasks answer alike', async () => {
      const id = await ada.create(EXAMPLE_TASK);
      const eve = await register(runtime.url);
      const refused = (address: string, protocols: string[] = []) =>
        watch(address, protocols).then(
          () => 'open',
          (error: Error) => error.message,
        );
      expect(await refused(`${runtime.wsUrl}/ws/tasks/${id}/`)).toContain('401');
      expect(await refused(`${runtime.wsUrl}/ws/tasks/${id}/?token=forged`)).toContain('401');
      const foreign = await refused(`${runtime.wsUrl}/ws/tasks/${id}/`, ['celeriac', eve.access]);
      const unknown = await refused(`${runtime.wsUrl}/ws/tasks/01a1fcfc-58b2-74c3-997b-0cb650307219/`, [
        'celeriac',
        eve.access,
      ]);
      expect(foreign).toContain('404');
      expect(foreign).toBe(unknown);
    });

    test('takes a ticket once, and many subscriptions on one connection', async () => {
      const { ids, watcher } = await watchFromBefore(
        ada,
        [EXAMPLE_TASK, EXAMPLE_TASK, EXAMPLE_TASK],
        async (tasks) => {
          const { body } = await ada.ask('POST', '/api/ws-tickets/');
          const address = `${runtime.url.replace('http', 'ws')}/ws?ticket=${body.ticket}`;
          const watching = await watch(address);
          for (const task of tasks) watching.socket.send(JSON.stringify({ action: 'subscribe', task }));
          await expect(watch(address)).rejects.toThrow('401');
          return watching;
        },
      );
      for (const id of ids) await watcher.until((frame) => frame.id === id && frame.status === 'COMPLETED');
      for (const id of ids) {
        const seqs = watcher.frames.filter((frame) => frame.id === id).map((frame) => frame.seq);
        expect(seqs).toEqual(seqs.toSorted());
      }
      watcher.socket.close();
    });
  });

  describe('messages', () => {
    let sqs: SQSClient;
    beforeAll(() => {
      sqs = new SQSClient({
        endpoint: runtime.queuesEndpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      });
    });
    const urlOf = (name: string) => `${runtime.queuesEndpoint}/000000000000/${name}`;
    /** Sends a message to the interactive queue. */
    const send = (MessageBody: string, DelaySeconds: number) => {
      const queue = runtime.deployment.queues.find(({ name }) => name.toLowerCase().includes('interactive'));
      if (!queue) throw new Error('no interactive queue');
      const QueueUrl = urlOf(queue.name);
      return sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds, MessageGroupId: 'any' }));
    };

    // Runs first, while there are no other messages: the later tests leave duplicates behind.
    test('a single task costs at most three requests to the queue', async () => {
      const total = () =>
        Object.values(platform.sqsRequestCounts(runtime)).reduce((sum, count) => sum + count, 0);
      // The messages of earlier tests may not have been deleted, although their tasks have ended.
      const requestsMeanwhile = async () => {
        const sofar = total();
        await sleep(300);
        return total() - sofar;
      };
      await expect.poll(requestsMeanwhile, waitFor).toBe(0);
      const before = total();
      const startedAt = performance.now();
      for (let i = 0; i < 20; i += 1) {
        const id = await ada.create(EXAMPLE_TASK);
        await expect.poll(() => counts([id]), { ...waitFor, interval: 5 }).toEqual({ COMPLETED: 1 });
      }
      const cost = total() - before;
      // Requests are really counted: each task's message is sent, received and deleted.
      expect(cost).toBeGreaterThanOrEqual(20 * 2);
      // An idle poller renews its request after a long poll.
      const seconds = (performance.now() - startedAt) / 1000;
      const pollers = runtime.deployment.mappings.length;
      const renewals = pollers * (1 + Math.floor(seconds / platform.longPollSeconds));
      expect(cost).toBeLessThanOrEqual(20 * 3 + renewals);
    });

    test('that come three times and in random order lead to one final transition each', async () => {
      const at = new Date(Date.now() + 2_500).toISOString();
      const ids = await times(60, () => requestOf('/wait/30/x', { scheduled_time: at }));
      const copies = [...ids, ...ids].sort(() => Math.random() - 0.5);
      await Promise.all(
        copies.map((id) => send(JSON.stringify({ v: 1, ids: [id] }), Math.floor(Math.random() * 5))),
      );
      await expect.poll(() => counts(ids), waitFor).toEqual({ COMPLETED: ids.length });
      const ledger =
        await sql`select task_id, count(*)::int as count from attempts where task_id = any (${ids}::uuid[]) group by task_id`;
      expect(ledger.map((row) => row.count)).toEqual(ids.map(() => 1));
      expect(ids.map((id) => target.hits.get(id))).toEqual(ids.map(() => 1));
    });

    test('that are forged or no messages of ours change nothing', async () => {
      for (const body of [
        '{',
        '{"v":1,"ids":[]}',
        '{"v":1,"ids":["x"]}',
        '{"v":2}',
        JSON.stringify({ v: 1, ids: ['01a1fcfc-58b2-74c3-997b-0cb650307219'] }),
      ]) {
        await send(body, 0);
      }
      const id = await ada.create(EXAMPLE_TASK);
      await expect.poll(() => counts([id]), waitFor).toEqual({ COMPLETED: 1 });
    });

    test('wiping every queue with 500 tasks under way loses none', async () => {
      const ids = await times(50, () => requestOf('/wait/2000/'));
      // Soon enough for a message of its own, but later than the creation of all tasks and the purge of their messages.
      const at = new Date(Date.now() + 150_000).toISOString();
      for (let round = 0; round < 18; round += 1) {
        ids.push(...(await times(25, () => ada.create({ ...EXAMPLE_TASK, scheduled_time: at }))));
      }
      for (const { name } of runtime.deployment.queues) {
        await sqs.send(new PurgeQueueCommand({ QueueUrl: urlOf(name) }));
      }
      expect((await counts(ids)).SCHEDULED).toBeGreaterThanOrEqual(450);
      // Makes all of them due at once.
      await sql`
        update tasks set run_at = run_at - interval '150 s', next_dispatch_at = next_dispatch_at - interval '150 s'
        where id = any (${ids}::uuid[]) and status = 'SCHEDULED' and run_at > now()`;
      await expect
        .poll(
          async () => {
            await runtime.invoke('dispatcher');
            return counts(ids);
          },
          { timeout: 240_000, interval: 500 },
        )
        .toEqual({ COMPLETED: 500 });
      const [row] =
        await sql`select count(*)::int as count from attempts where task_id = any (${ids}::uuid[])`;
      expect(row?.count).toBe(500);
    }, 300_000);
  });

  describe('prices', () => {
    test('the five-minute rule brings them to every organization that follows the asset', async () => {
      // Another system on the same database may already have fetched this tick, and each tick is fetched once.
      await sql`truncate price_fetches, price_ticks`;
      const before = provider.requests.length;
      await runtime.invoke('prices', { time: new Date().toISOString(), 'detail-type': 'Scheduled Event' });
      const { body } = await ada.ask('GET', '/api/organizations/');
      const { body: prices } = await ada.ask('GET', `/api/organizations/${body.results[0].id}/prices/`);
      expect(prices.results.map((price: { asset: string }) => price.asset)).toEqual(['bitcoin', 'ethereum']);
      expect(provider.requests).toHaveLength(before + 1);
      for (const { price } of prices.results) expect(price).toMatch(/^\d+(\.\d+)?$/);
    });
  });

  return () => runtime;
}
