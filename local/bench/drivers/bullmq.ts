/*
 * BullMQ: this process adds jobs, worker processes run them. Redis keeps everything, including finished jobs.
 * REDIS_PORT selects the Redis.
 */
import { fromCache } from './packages.ts';
import { measureLibrary } from './producer.ts';
import { setting } from './setting.ts';

const { Queue } = fromCache('bullmq');
const queue = new Queue('bench', {
  connection: { host: '127.0.0.1', port: Number(setting('REDIS_PORT')) },
});

await measureLibrary('bullmq-worker.ts', {
  addMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'noop', data }))),
  addOne: (payload, dueAt) =>
    queue.add('noop', payload, dueAt === undefined ? {} : { delay: Math.max(0, dueAt - Date.now()) }),
  isDrained: async (added) => (await queue.getCompletedCount()) === added,
  stop: () => queue.close(),
});
