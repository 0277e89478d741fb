/*
 * graphile-worker: this process adds jobs, worker processes run them. A finished job's row is deleted. DATABASE_URL
 * selects the database.
 */
import { fromCache } from './packages.ts';
import { measureLibrary } from './producer.ts';
import { setting } from './setting.ts';

const { makeWorkerUtils } = fromCache('graphile-worker');
const { Pool } = fromCache('pg');
const pool = new Pool({ connectionString: setting('DATABASE_URL'), max: 16 });
const utils = await makeWorkerUtils({ pgPool: pool });
await utils.migrate();

await measureLibrary('graphile-worker-worker.ts', {
  addMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: 'noop', payload }))),
  addOne: (payload, dueAt) =>
    utils.addJob('noop', payload, dueAt === undefined ? {} : { runAt: new Date(dueAt) }),
  async isDrained() {
    const { rows } = await pool.query('select from graphile_worker._private_jobs limit 1');
    return rows.length === 0;
  },
  async stop() {
    await utils.release();
    await pool.end();
  },
});
