import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { directoryOfRun } from '../../postgres/directory-of-run.ts';
import { freePort } from '../../process/free-port.ts';
import { type DeployedSystem, deploySystem } from '../deployment.ts';

/** Log of the last run. It stays after the run. */
const LOG_FILE = join(resolve(import.meta.dirname, '../../..'), 'dist', 'ministack.log');

/**
 * Variables of the deployed functions that differ from the template, so that a test sees within minutes what takes
 * hours, and reaches servers on this machine.
 */
const environmentOf = (pricePort: number) => ({
  OUTBOUND_LOOPBACK: 'allowed',
  PRICE_PROVIDER_URL: `http://127.0.0.1:${pricePort}/api/v3`,
  // Seconds. A task that is due later waits for the dispatcher's tick.
  DISPATCH_LOOKAHEAD_SECONDS: '10',
});

/** The values that the global set-up provides to every test file. */
export interface TestedSystem extends Omit<DeployedSystem, 'stop'> {
  /**
   * Port of the price provider in the deployed `prices` function's configuration. Nothing listens there until a test
   * does.
   */
  readonly pricePort: number;
}

declare module 'vitest' {
  export interface ProvidedContext {
    system: TestedSystem;
  }
}

/** Vitest's global set-up: deploys the whole system once for all test files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = performance.now();
  const log = (line: string) =>
    console.log(`[${((performance.now() - started) / 1000).toFixed(0).padStart(3)} s] ${line}`);
  const pricePort = await freePort();
  const { stop, ...system } = await deploySystem({
    directory: await directoryOfRun(),
    port: await freePort(),
    logFile: LOG_FILE,
    environment: environmentOf(pricePort),
    log,
  });
  log('deployed');
  project.provide('system', { ...system, pricePort });
  return async () => {
    await stop();
    log(`everything is stopped and removed, but for ${LOG_FILE}`);
  };
}
