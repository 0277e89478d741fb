import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopLeftoverPostgres } from '../../../postgres/cluster.ts';
import { freePort } from '../../../process/free-port.ts';
import { signal } from '../../../process/signal.ts';
import { rounds } from '../../measuring/load.ts';
import { noted } from '../../measuring/running.ts';
import { median } from '../../measuring/statistics.ts';
import { figure } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';

const BUDGET_SECONDS = 5;
const REPOSITORY = resolve(import.meta.dirname, '..', '..', '..', '..');
const READY = 'Celeriac is ready';
const READY_SECONDS = 60;
const STOP_SECONDS = 25;
const WARM_STARTS = 3;

/** Measures the time from the shell's `npm start` until its ready line. */
export const npmStartPart: Part = {
  name: 'npm-start',
  seconds: 240,
  async run(_scale, directory) {
    const dataDir = join(directory, 'data');
    try {
      const cold = await secondsToReady(dataDir);
      const warm = median(await rounds(WARM_STARTS, () => secondsToReady(dataDir)));
      return [
        {
          what: '`npm start` to ready, warm',
          budget: `${BUDGET_SECONDS} s`,
          measured: `${figure(warm)} s`,
          kept: warm <= BUDGET_SECONDS,
          remark: `median of ${WARM_STARTS}, npm's own start included; with an empty data directory ${figure(cold)} s`,
        },
      ];
    } finally {
      await stopLeftoverPostgres(join(dataDir, 'postgres'));
    }
  },
};

async function secondsToReady(dataDir: string): Promise<number> {
  const [port, wsPort] = [await freePort(), await freePort()];
  const startedAt = performance.now();
  const npm = spawn('npm', ['start'], {
    cwd: REPOSITORY,
    env: { ...process.env, DATA_DIR: dataDir, PORT: `${port}`, WS_PORT: `${wsPort}` },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = once(npm, 'exit');
  const stop = noted(async () => {
    if (npm.pid === undefined) return;
    // Signals the process group: npm, its shell and their children.
    signal(-npm.pid, 'SIGINT');
    await Promise.race([exited, sleep(STOP_SECONDS * 1000, undefined, { ref: false })]);
    signal(-npm.pid, 'SIGKILL');
  });
  const ready = Promise.withResolvers<number>();
  createInterface({ input: npm.stdout }).on('line', (line) => {
    if (line.startsWith(READY)) ready.resolve((performance.now() - startedAt) / 1000);
  });
  try {
    const late = sleep(READY_SECONDS * 1000, Number.NaN, { ref: false });
    const seconds = await Promise.race([ready.promise, exited.then(() => Number.NaN), late]);
    if (Number.isNaN(seconds)) throw new Error('npm start did not get ready');
    return seconds;
  } finally {
    await stop();
  }
}
