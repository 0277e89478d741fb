import { once } from 'node:events';
import process from 'node:process';
import { Worker } from 'node:worker_threads';

/** Milliseconds between two looks at the parent. */
const LOOK_MILLISECONDS = 1_000;

/** Kills this process when its parent changes. It runs in a thread of its own, because the main thread may be spinning. */
const WATCH = `
  const { workerData } = require('node:worker_threads');
  setInterval(() => {
    if (process.ppid !== workerData.parent) process.kill(process.pid, 'SIGKILL');
  }, workerData.every);`;

/**
 * Makes sure that this process does not outlive a killed parent, whatever its own code does. Without it, a handler that spins
 * would go on for ever.
 */
export async function watchParent(): Promise<void> {
  const watch = new Worker(WATCH, {
    eval: true,
    env: {},
    workerData: { parent: process.ppid, every: LOOK_MILLISECONDS },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  await once(watch, 'online');
  watch.unref();
}
