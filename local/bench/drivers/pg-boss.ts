/*
 * pg-boss: this process adds jobs, worker processes run them. A finished job's row stays, with its times. DATABASE_URL
 * selects the database.
 */
import { fromCache } from './packages.ts';
import { measureLibrary } from './producer.ts';
import { setting } from './setting.ts';

const { PgBoss } = fromCache('pg-boss');
const { Pool } = fromCache('pg');
const boss = new PgBoss({ connectionString: setting('DATABASE_URL'), max: 16, schedule: false });
boss.on('error', console.error);
await boss.start();
await boss.createQueue('bench', { notify: true });
const pool = new Pool({ connectionString: setting('DATABASE_URL'), max: 1 });

await measureLibrary('pg-boss-worker.ts', {
  addMany: (payloads) =>
    boss.insert(
      'bench',
      payloads.map((data) => ({ data })),
    ),
  addOne: (payload, dueAt) =>
    boss.send('bench', payload, dueAt === undefined ? {} : { startAfter: new Date(dueAt) }),
  async isDrained() {
    const { rows } = await pool.query(
      `select from pgboss.job where name = 'bench' and state < 'completed' limit 1`,
    );
    return rows.length === 0;
  },
  async stop() {
    await pool.end();
    await boss.stop({ graceful: false });
  },
});
