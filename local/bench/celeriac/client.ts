import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { TASKS_PER_CALL } from '../measuring/contender.ts';
import { slices } from '../measuring/load.ts';
import { pollUntil } from '../measuring/poll.ts';

/** Open connections; each carries one request at a time. */
const CONNECTIONS = 64;

/** Milliseconds between two looks at a batch. */
const LOOK_MILLISECONDS = 50;
const BATCH_SECONDS = 180;

export type TaskRequest = {
  readonly name: string;
  readonly kind?: string;
  readonly payload?: unknown;
  readonly scheduled_time?: string;
};

type Batch = { id: string; total: number; completed: number; failed: number; cancelled: number };

/** A user of a running Celeriac, with its own organization, that calls the API like an external program. */
export interface Client {
  readonly access: string;
  /** @returns the task's id */
  create(task: TaskRequest): Promise<string>;
  /** Creates batches. @returns the batches' ids, once all their tasks are committed */
  createMany(tasks: number, task: TaskRequest): Promise<string[]>;
  /** Resolves when all tasks of the batches are COMPLETED. @throws when a task failed or was cancelled */
  completed(batches: readonly string[]): Promise<void>;
  ticket(): Promise<string>;
  close(): Promise<void>;
}

export async function register(url: string): Promise<Client> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers: Record<string, string> = { 'content-type': 'application/json' };

  async function ask<T>(method: 'GET' | 'POST', path: string, body: unknown, expected: number): Promise<T> {
    const request = { method, path, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const { statusCode, body: answer } = await pool.request(request);
    const text = await answer.text();
    if (statusCode !== expected)
      throw new Error(`${method} ${path} answered ${statusCode}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }

  const { access } = await ask<{ access: string }>(
    'POST',
    '/api/auth/register/',
    { email: `${randomUUID()}@example.com`, password: 'a long enough password' },
    201,
  );
  headers.authorization = `Bearer ${access}`;
  return {
    access,
    create: async (task) => (await ask<{ id: string }>('POST', '/api/tasks/', task, 201)).id,
    async createMany(count, task) {
      const batches: string[] = [];
      for (const size of slices(count, TASKS_PER_CALL)) {
        const tasks = Array.from({ length: size }, () => task);
        const { batch } = await ask<{ batch: Batch }>('POST', '/api/tasks/bulk/', { tasks }, 201);
        batches.push(batch.id);
      }
      return batches;
    },
    async completed(batches) {
      for (const id of batches) {
        await pollUntil(
          async () => {
            const batch = await ask<Batch>('GET', `/api/batches/${id}/`, undefined, 200);
            if (batch.failed > 0 || batch.cancelled > 0)
              throw new Error(`Tasks did not complete: ${JSON.stringify(batch)}`);
            return batch.completed === batch.total;
          },
          { everyMilliseconds: LOOK_MILLISECONDS, seconds: BATCH_SECONDS },
        );
      }
    },
    ticket: async () => (await ask<{ ticket: string }>('POST', '/api/ws-tickets/', undefined, 201)).ticket,
    close: () => pool.destroy(),
  };
}
