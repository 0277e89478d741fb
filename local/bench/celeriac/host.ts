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
  // Registered before the process, so that it runs after the process has ended.
  noted(async () => {
    // A killed host leaves its database running.
    await stopLeftoverPostgres(join(dataDir, 'postgres'));
    await rm(dataDir, { recursive: true, force: true });
  });
  const { call } = startMeasuredProcess({
    command: process.execPath,
    args: [FILE],
    log: join(directory, 'host.log'),
  });
  const addresses = await call<Pick<Host, 'url' | 'wsUrl' | 'databaseUrl'>>(
    'start',
    { dataDir, schedules },
    START_SECONDS,
  );
  return {
    ...addresses,
    sqsRequests: () => call('sqsRequests', null, CALL_SECONDS),
    timeInvocations: (name, times) =>
      call('timeInvocations', { name, times, seconds: CALL_SECONDS / 2 }, 2 * CALL_SECONDS),
  };
}
