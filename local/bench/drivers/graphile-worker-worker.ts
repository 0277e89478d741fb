import { fromCache } from './packages.ts';
import { setting } from './setting.ts';
import { endWithParent, reportReady, reportStart } from './workers.ts';

const { run } = fromCache('graphile-worker');
endWithParent();
await run({
  // The settings of graphile-worker's page on performance.
  preset: {
    worker: {
      connectionString: setting('DATABASE_URL'),
      concurrentJobs: 24,
      maxPoolSize: 25,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  taskList: { noop: reportStart },
});
reportReady();
