import { now } from '../measuring/clock.ts';
import { fromCache } from './packages.ts';
import { setting } from './setting.ts';
import { endWithParent, report } from './workers.ts';

/** BullMQ's documentation: "Something between 100 and 300 is a quite standard setting." */
const CONCURRENCY = 100;

const { Worker } = fromCache('bullmq');
endWithParent();
const worker = new Worker(
  'bench',
  async ({ data }: { data: { report?: number } }) => {
    if (data.report !== undefined) report({ started: data.report, at: now() });
  },
  {
    connection: { host: '127.0.0.1', port: Number(setting('REDIS_PORT')), maxRetriesPerRequest: null },
    concurrency: CONCURRENCY,
  },
);
worker.on('error', console.error);
await worker.waitUntilReady();
report({ ready: true });
