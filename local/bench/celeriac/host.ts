import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stopLeftoverPostgres } from '../../postgres/cluster.ts';
import { startMeasuredProcess } from '../measuring/measured-process.ts';
import { noted } from '../measuring/running.ts';

const FILE = join(import.meta.dirname, '..', 'drivers', 'celeriac-host.ts');

/** Seconds. The first start after a change of the sources also bundles them. */
const START_SECONDS = 120;
const CALL_SECONDS = 60;

/** Celeriac, running in its own process. */
export interface Host {
  readonly url: string;
  readonly wsUrl: string;
  /** Connection URL of the database's superuser. */
  readonly databaseUrl: string;
  /** SQS requests since the start by action, including the pollers' requests. */
  sqsRequests(): Promise<Readonly<Record<string, number>>>;
  /** Invokes a function `times` times, or fewer if that takes too long. @returns the milliseconds of each invocation */
  timeInvocations(name: string, times: number): Promise<number[]>;
  stop(): Promise<void>;
}

/**
 * Starts Celeriac in an empty directory, with fsync.
 *
 * @param options.schedules false: the dispatcher runs only when it is invoked
 */
export async function startHost(
  directory: string,
  { schedules = true }: { schedules?: boolean } = {},
): Promise<Host> {
  const dataDir = join(directory, 'data');
  const host = startMeasuredProcess({
    command: process.execPath,
    args: [FILE],
    log: join(directory, 'host.log'),
  });
  const stop = noted(async () => {
    await host.stop();
    // A killed host leaves its database running.
    await stopLeftoverPostgres(join(dataDir, 'postgres'));
    await rm(dataDir, { recursive: true, force: true });
  });
  try {
    const addresses = await host.call<Pick<Host, 'url' | 'wsUrl' | 'databaseUrl'>>(
      'start',
      { dataDir, schedules },
      START_SECONDS,
    );
    return {
      ...addresses,
      sqsRequests: () => host.call('sqsRequests', null, CALL_SECONDS),
      timeInvocations: (name, times) =>
        host.call('timeInvocations', { name, times, seconds: CALL_SECONDS / 2 }, 2 * CALL_SECONDS),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
