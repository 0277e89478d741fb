/*
 * graphile-worker: this process adds jobs, worker processes run them. A finished job's row is deleted. DATABASE_URL
 * selects the database.
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

const WORKERS = 2;

const { makeWorkerUtils } = fromCache('graphile-worker');
const { Pool } = fromCache('pg');
const pool = new Pool({ connectionString: setting('DATABASE_URL'), max: 16 });
const utils = await makeWorkerUtils({ pgPool: pool });
await utils.migrate();
const workers = await startWorkers(join(import.meta.dirname, 'graphile-worker-worker.ts'), WORKERS);

const producer = libraryCalls(
  {
    async addMany(tasks) {
      for (const size of slices(tasks, TASKS_PER_CALL))
        await utils.addJobs(Array.from({ length: size }, () => ({ identifier: 'noop', payload: PAYLOAD })));
    },
    async addOne(report, dueAt) {
      const payload = report === undefined ? PAYLOAD : { ...PAYLOAD, report };
      await utils.addJob('noop', payload, dueAt === undefined ? {} : { runAt: new Date(dueAt) });
    },
    drained: () =>
      pollUntil(async () => {
        const { rows } = await pool.query('select from graphile_worker._private_jobs limit 1');
        return rows.length === 0;
      }, DRAIN),
  },
  workers,
);

await answerCalls({
  start: async () => {},
  ...producer,
  async stop() {
    await utils.release();
    await pool.end();
  },
});
