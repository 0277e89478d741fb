import { Pool } from 'undici';
import { register, type User } from '../../end-to-end/client.ts';
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
  /** @returns the task's id */
  create(task: TaskRequest): Promise<string>;
  /** Creates batches. @returns the batches' ids, once all their tasks are committed */
  createMany(tasks: number, task: TaskRequest): Promise<string[]>;
  /** Resolves when all tasks of the batches are COMPLETED. @throws when a task failed or was cancelled */
  completed(batches: readonly string[]): Promise<void>;
  ticket(): Promise<string>;
  close(): Promise<void>;
}

/** Registers a user with its own connections. */
export async function openClient(url: string): Promise<Client> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const user = await register(url, pool);

  /** @throws when the answer has another status */
  async function ask<T>(expected: number, ...[method, path, body]: Parameters<User['ask']>): Promise<T> {
    const answer = await user.ask(method, path, body);
    if (answer.status === expected) return answer.body;
    const text = JSON.stringify(answer.body).slice(0, 500);
    throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  }

  return {
    create: user.create,
    async createMany(count, task) {
      const batches: string[] = [];
      for (const size of slices(count, TASKS_PER_CALL)) {
        const tasks = Array.from({ length: size }, () => task);
        const { batch } = await ask<{ batch: Batch }>(201, 'POST', '/api/tasks/bulk/', { tasks });
        batches.push(batch.id);
      }
      return batches;
    },
    async completed(batches) {
      for (const id of batches) {
        await pollUntil(
          async () => {
            const batch = await ask<Batch>(200, 'GET', `/api/batches/${id}/`);
            if (batch.failed > 0 || batch.cancelled > 0)
              throw new Error(`Tasks did not complete: ${JSON.stringify(batch)}`);
            return batch.completed === batch.total;
          },
          { everyMilliseconds: LOOK_MILLISECONDS, seconds: BATCH_SECONDS },
        );
      }
    },
    ticket: async () => (await ask<{ ticket: string }>(201, 'POST', '/api/ws-tickets/')).ticket,
    close: () => pool.destroy(),
  };
}
