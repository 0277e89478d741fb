import { fromCache } from './packages.ts';
import type { Payload } from './producer.ts';
import { setting } from './setting.ts';
import { endWithParent, reportReady, reportStart } from './workers.ts';

/** BullMQ's documentation: "Something between 100 and 300 is a quite standard setting." */
const CONCURRENCY = 100;

const { Worker } = fromCache('bullmq');
endWithParent();
const worker = new Worker('bench', async ({ data }: { data: Payload }) => reportStart(data), {
  connection: { host: '127.0.0.1', port: Number(setting('REDIS_PORT')), maxRetriesPerRequest: null },
  concurrency: CONCURRENCY,
});
worker.on('error', console.error);
await worker.waitUntilReady();
reportReady();
