import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { guardedFetch } from '../../../../fetch/client/guarded-fetch.ts';
import { defineTask, type Json, PermanentError, RetryError, type TaskContext } from '../../../define-task.ts';
import { serve } from '../serve.ts';
import { workWithArtifacts } from './artifact-handler.ts';
import { ISOLATED_KINDS, type IsolatedName } from './kinds.ts';

/** Handlers that misbehave, by the names of their kinds. */
const HANDLERS: Record<
  Exclude<IsolatedName, 'isolated.unloadable'>,
  (context: TaskContext, payload: Json) => Promise<Json>
> = {
  'isolated.echo': async ({ taskId, attempt, idempotencyKey, deadline }, payload) => ({
    pid: process.pid,
    taskId,
    attempt,
    idempotencyKey,
    secondsLeft: (deadline.getTime() - Date.now()) / 1000,
    payload,
  }),
  'isolated.environment': async () => Object.keys(process.env),
  'isolated.spin': async ({ log }) => {
    log('info', 'spinning');
    for (;;);
  },
  'isolated.wait': async ({ signal, log }) => {
    log('info', 'waiting');
    await sleep(60_000, undefined, { signal }).catch(() => {});
    log('warn', 'told to stop', { reason: signal.reason.code });
    throw signal.reason;
  },
  'isolated.compute': async ({ signal, log }) => {
    log('info', 'computing');
    for (;;) {
      signal.throwIfAborted();
      await nextTurn();
    }
  },
  'isolated.list': async () => {
    const numbers: number[] = [];
    for (;;) numbers.push(numbers.length + 0.5);
  },
  'isolated.buffers': async () => {
    const buffers: Buffer[] = [];
    // Twice what the tests allow a process, and no more, so that the machine survives.
    for (let i = 0; i < 150; i += 1) {
      buffers.push(Buffer.alloc(4 * 1024 * 1024, 1));
      await sleep(10);
    }
    // Keep the buffers until the pool has looked at the memory, however late that is.
    await sleep(60_000);
    return buffers.length;
  },
  'isolated.exit': async () => process.exit(7),
  'isolated.uncaught': async () => {
    setTimeout(() => {
      throw new Error('thrown where nobody waits');
    }, 5);
    return sleep(60_000);
  },
  'isolated.permanent': async () => {
    const details = { line: 3, callback: (() => {}) as unknown as Json };
    throw new PermanentError('bad_csv', 'line 3', { details });
  },
  'isolated.retry': async () => {
    throw new RetryError('busy', 'come back', { afterSeconds: 3_600, details: { load: 0.9 } });
  },
  'isolated.bug': async () => {
    throw new TypeError('not a function', { cause: new Error('the real cause') });
  },
  'isolated.wordless': async () => {
    throw Object.create(null);
  },
  'isolated.large': async () => 'x'.repeat(34_000_000),
  'isolated.fetch': async ({ fetch, signal }, payload) => {
    const { urls } = payload as { urls: string[] };
    const answers = await Promise.all(urls.map((url) => fetch({ url, signal })));
    return { pid: process.pid, statuses: answers.map(({ status }) => status) };
  },
  // Sends the worker messages that only a broken runner would, and stays alive afterwards.
  'isolated.hostile': async ({ signal }, payload) => {
    const { messages } = payload as { messages: Json[] };
    for (const message of messages) process.send?.(message);
    await sleep(60_000, undefined, { signal });
    return null;
  },
  'isolated.intrude': async (_context, payload) => {
    const { readable, writable } = payload as { readable: string[]; writable: string };
    const codeOf = (attempt: () => unknown): string => {
      try {
        attempt();
        return 'done';
      } catch (error) {
        return String((error as NodeJS.ErrnoException).code);
      }
    };
    return [
      ...readable.map((path) => codeOf(() => readFileSync(path))),
      codeOf(() => writeFileSync(writable, '')),
      codeOf(() => execFileSync('cat', readable)),
    ];
  },
  'isolated.artifacts': workWithArtifacts,
  // Reads all inputs at once, and asks for an input that does not exist when there is none.
  'isolated.inputs': async ({ inputs: { names, get } }) => {
    const asked = names.length > 0 ? names : ['none'];
    const found = await Promise.all(
      asked.map(async (name) => {
        const { status, result } = await get(name);
        return [name, { status, bytes: JSON.stringify(result).length }] as const;
      }),
    );
    return Object.fromEntries(found);
  },
  // Runs until a file of this name exists. Nothing else reaches a handler that never yields.
  'isolated.chatter': async ({ progress, log }, until) => {
    let steps = 0;
    for (; steps < 5_000 || !existsSync(String(until)); steps += 1) {
      progress(steps / (steps + 1), `step ${steps}`);
      if (steps < 5_000) log('debug', `line ${steps}`);
    }
    return steps;
  },
};

await serve({
  taskOf: async (name) => {
    if (name === 'isolated.unloadable') await import('./unloadable.ts');
    const kind = ISOLATED_KINDS.get(name);
    const run = HANDLERS[name as keyof typeof HANDLERS];
    return (
      kind && defineTask({ ...kind, payload: z.json(), run: (payload, context) => run(context, payload) })
    );
  },
  // Every name resolves to this machine.
  fetch: guardedFetch({ loopback: 'allowed', lookUp: async () => ['127.0.0.1'] }),
});
