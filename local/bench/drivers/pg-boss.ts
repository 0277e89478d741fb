/*
 * pg-boss: this process adds jobs, worker processes run them. A finished job's row stays, with its times. DATABASE_URL
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

const { PgBoss } = fromCache('pg-boss');
const { Pool } = fromCache('pg');
const boss = new PgBoss({ connectionString: setting('DATABASE_URL'), max: 16, schedule: false });
boss.on('error', console.error);
await boss.start();
await boss.createQueue('bench', { notify: true });
const pool = new Pool({ connectionString: setting('DATABASE_URL'), max: 1 });
const workers = await startWorkers(join(import.meta.dirname, 'pg-boss-worker.ts'), WORKERS);

const producer = libraryCalls(
  {
    async addMany(tasks) {
      for (const size of slices(tasks, TASKS_PER_CALL))
        await boss.insert(
          'bench',
          Array.from({ length: size }, () => ({ data: PAYLOAD })),
        );
    },
    async addOne(report, dueAt) {
      const data = report === undefined ? PAYLOAD : { ...PAYLOAD, report };
      await boss.send('bench', data, dueAt === undefined ? {} : { startAfter: new Date(dueAt) });
    },
    drained: () =>
      pollUntil(async () => {
        const { rows } = await pool.query(
          `select from pgboss.job where name = 'bench' and state < 'completed' limit 1`,
        );
        return rows.length === 0;
      }, DRAIN),
  },
  workers,
);

await answerCalls({
  start: async () => {},
  ...producer,
  async stop() {
    await pool.end();
    await boss.stop({ graceful: false });
  },
});
