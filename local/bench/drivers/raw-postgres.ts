/*
 * The upper limit: Celeriac's writes for a task (its row, the claim, the outcome, the attempt) on its schema, without
 * its code. DATABASE_URL selects the database; CONNECTIONS and BATCH set the concurrency and the size.
 */
import { answerCalls } from '../measuring/answer-calls.ts';
import { now } from '../measuring/clock.ts';
import { slices } from '../measuring/load.ts';
import * as store from './raw-store.ts';
import { setting } from './setting.ts';

const connections = Number(setting('CONNECTIONS'));
const batch = Number(setting('BATCH'));
const sql = store.connect(setting('DATABASE_URL'), connections);
const organizationId = await store.organization(sql);

await answerCalls({
  start: async () => {},
  async bulk(tasks: number) {
    const startedAt = now();
    const batches = slices(tasks, batch);
    await Promise.all(
      Array.from({ length: connections }, async () => {
        // The connections share one generator; each takes the next batch.
        for (const size of batches) await store.runBatch(sql, organizationId, size);
      }),
    );
    const seconds = (now() - startedAt) / 1000;
    return { enqueueSeconds: seconds, seconds };
  },
  stop: () => sql.end(),
});
