import { fromCache } from './packages.ts';
import type { Payload } from './producer.ts';
import { setting } from './setting.ts';
import { endWithParent, reportReady, reportStart } from './workers.ts';

const { PgBoss } = fromCache('pg-boss');
endWithParent();
const boss = new PgBoss({
  connectionString: setting('DATABASE_URL'),
  max: 10,
  schedule: false,
  supervise: false,
  useListenNotify: true,
});
boss.on('error', console.error);
await boss.start();
await boss.work(
  'bench',
  {
    batchSize: 1000,
    burstWhenBatchFull: true,
    // The shortest interval that pg-boss allows: it finds delayed jobs only by polling.
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
  },
  async (jobs: { data: Payload }[]) => {
    for (const { data } of jobs) reportStart(data);
  },
);
reportReady();
