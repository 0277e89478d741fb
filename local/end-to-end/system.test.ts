import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { startRuntime } from '../runtime.ts';
import { refusesOtherContent } from './artifact-suite.ts';
import { register } from './client.ts';
import { mailTests } from './mail-suite.ts';
import { systemTests } from './system-suite.ts';

/*
 * The system as `npm start` runs it, in one process for speed.
 */

let dataDir: string | undefined;
/** Events that arrived on the bus. */
const heard: { event: string; organization: string }[] = [];

// Vitest runs this after the suite's `afterAll`, which stops the runtime, because it is registered earlier.
afterAll(async () => {
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

const runtime = systemTests({
  start: async (options) => {
    dataDir = await mkdtemp(join(tmpdir(), 'celeriac-system-'));
    return startRuntime({
      ...options,
      dataDir,
      durable: false,
      onEvent(bus, event) {
        // Reports of SES.
        if (bus === 'default') return;
        const { subject, data } = event.detail as { subject: string; data: { organization_id: string } };
        heard.push({
          event: `${bus}: ${event['detail-type']} ${subject}`,
          organization: data.organization_id,
        });
      },
    });
  },
  sqsRequestCounts: (runtime) => runtime.sqsRequestCounts(),
  longPollSeconds: 20,
});

mailTests(() => runtime());

test('the address of an artifact takes its content and no other', async () => {
  await refusesOtherContent(await register(runtime().url));
});

test('ends of tasks are published on the bus by every function, and a batch once', async () => {
  const ada = await register(runtime().url);
  const [{ id: home }] = (await ada.ask('GET', '/api/organizations/')).body.results;
  const later = { scheduled_time: new Date(Date.now() + 3_600_000).toISOString(), max_retries: 0 };
  let events = 0;
  /** Waits until exactly these events have arrived next. */
  const hears = async (...next: string[]) => {
    const ours = () => heard.filter(({ organization }) => organization === home).map(({ event }) => event);
    await expect
      .poll(() => ours().slice(events), { timeout: 20_000 })
      .toEqual(next.map((each) => `celeriac-dev: ${each}`));
    events += next.length;
  };

  const done = await ada.create({ name: 'done' });
  await hears(`task.finished ${done}`);

  const cancelled = await ada.create({ name: 'cancelled', ...later });
  const waiting = await ada.create({ name: 'waiting', depends_on: [cancelled] });
  await ada.ask('POST', `/api/tasks/${cancelled}/cancel/`);
  await hears(`task.finished ${cancelled}`);
  await runtime().invoke('dispatcher');
  await hears(`task.finished ${waiting}`);

  const tasks = [1, 2, 3].map((n) => ({ name: `Task ${n}`, ...later }));
  const { batch } = (await ada.ask('POST', '/api/tasks/bulk/', { tasks })).body;
  await ada.ask('POST', `/api/batches/${batch.id}/cancel/`);
  await hears(`batch.finished ${batch.id}`);

  const lost = await ada.create({ name: 'lost', ...later });
  const sql = postgres(runtime().databaseUrl, { max: 1 });
  await sql`
    update tasks set status = 'RUNNING', attempt = 1, started_at = now(), lease_until = now(), next_dispatch_at = null
    where id = ${lost}`;
  await sql.end();
  await runtime().invoke('dead-letters', { Records: [{ body: JSON.stringify({ v: 1, ids: [lost] }) }] });
  await hears(`task.finished ${lost}`);
}, 90_000);
