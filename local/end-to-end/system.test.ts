import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { startRuntime } from '../runtime.ts';
import { systemTests } from './system-suite.ts';

/*
 * The system as `npm start` brings it up, in one process for speed.
 */

let dataDir: string | undefined;

// Registered before the suite's own, which stops the runtime, and therefore run after it.
afterAll(async () => {
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

systemTests({
  start: async (options) => {
    dataDir = await mkdtemp(join(tmpdir(), 'celeriac-system-'));
    return startRuntime({ ...options, dataDir, durable: false });
  },
  sqsRequestCounts: (runtime) => runtime.sqsRequestCounts(),
  longPollSeconds: 20,
});
