/*
 * BullMQ: this process adds jobs, worker processes run them. Redis keeps everything, including finished jobs.
 * REDIS_PORT selects the Redis.
 */
import { join } from 'node:path';
import { answerCalls } from '../measuring/answer-calls.ts';
import { PAYLOAD, TASKS_PER_CALL } from '../measuring/contender.ts';
import { slices } from '../measuring/load.ts';
import { pollUntil } from '../measuring/poll.ts';
import { fromCache } from './packages.ts';
import { DRAIN, libraryCalls } from './producer.ts';
import { setting } from './setting.ts';
import { startWorkers } from './workers.ts';

/** BullMQ's documentation: "You can run several workers in a given machine if the machine has more than one core." */
const WORKERS = 2;

const { Queue } = fromCache('bullmq');
const queue = new Queue('bench', {
  connection: { host: '127.0.0.1', port: Number(setting('REDIS_PORT')) },
});
const workers = await startWorkers(join(import.meta.dirname, 'bullmq-worker.ts'), WORKERS);
let added = 0;

const producer = libraryCalls(
  {
    async addMany(tasks) {
      for (const size of slices(tasks, TASKS_PER_CALL)) {
        added += size;
        await queue.addBulk(Array.from({ length: size }, () => ({ name: 'noop', data: PAYLOAD })));
      }
    },
    async addOne(report, dueAt) {
      added += 1;
      const delay = dueAt === undefined ? {} : { delay: Math.max(0, dueAt - Date.now()) };
      await queue.add('noop', report === undefined ? PAYLOAD : { ...PAYLOAD, report }, delay);
    },
    drained: () => pollUntil(async () => (await queue.getCompletedCount()) === added, DRAIN),
  },
  workers,
);

await answerCalls({
  start: async () => {},
  ...producer,
  stop: () => queue.close(),
});
