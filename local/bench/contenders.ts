import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from './cache.ts';
import { celeriac } from './celeriac/celeriac.ts';
import { startHost } from './celeriac/host.ts';
import { freshPostgres } from './fresh-postgres.ts';
import type { Contender, LatenessPlan, Measure, System } from './measuring/contender.ts';
import { startMeasuredProcess } from './measuring/measured-process.ts';
import { type Fsync, startRedis } from './redis.ts';

const DRIVERS = join(import.meta.dirname, 'drivers');
const ALL: readonly Measure[] = ['bulk', 'single', 'latency', 'lateness'];

/** Seconds beyond a call's expected duration after which it is given up. */
const SLACK_SECONDS = 60;
const BULK_SECONDS = 180;

/** Returns all compared systems, in the order of the tables. */
export function contenders(cache: Cache): Contender[] {
  const node = { BENCH_PACKAGES: cache.packages };
  return [
    celeriac,
    onPostgres('graphile-worker', 'graphile-worker.ts', node),
    onPostgres('pg-boss', 'pg-boss.ts', node),
    bullmq('everysec'),
    bullmq('always'),
    celery(),
    ...[1, 4].flatMap((connections) => [100, 1000].map((batch) => raw(connections, batch))),
  ];

  function onPostgres(name: string, file: string, env: Record<string, string>): Contender {
    return {
      name,
      measures: ALL,
      prepare: cache.installPackages,
      async start(directory) {
        await using undo = new AsyncDisposableStack();
        const database = await freshPostgres(directory);
        undo.defer(database.stop);
        return driven(undo.move(), directory, process.execPath, [join(DRIVERS, file)], {
          ...env,
          DATABASE_URL: database.url,
        });
      },
    };
  }

  function bullmq(fsync: Fsync): Contender {
    return {
      name: `bullmq, fsync ${fsync}`,
      measures: ALL,
      async prepare() {
        await cache.installPackages();
        await cache.installRedis();
      },
      async start(directory) {
        await using undo = new AsyncDisposableStack();
        const redis = await startRedis({ command: cache.redisServer, directory, fsync });
        undo.defer(redis.stop);
        return driven(undo.move(), directory, process.execPath, [join(DRIVERS, 'bullmq.ts')], {
          ...node,
          REDIS_PORT: `${redis.port}`,
        });
      },
    };
  }

  function celery(): Contender {
    return {
      name: 'celery',
      measures: ALL,
      async prepare() {
        await cache.installPython();
        await cache.installRedis();
      },
      async start(directory) {
        await using undo = new AsyncDisposableStack();
        const database = await freshPostgres(directory);
        undo.defer(database.stop);
        const redis = await startRedis({ command: cache.redisServer, directory, fsync: 'everysec' });
        undo.defer(redis.stop);
        return driven(undo.move(), directory, cache.python, [join(DRIVERS, 'celery_driver.py')], {
          DATABASE_URL: database.url,
          REDIS_URL: `redis://127.0.0.1:${redis.port}/0`,
          PYTHONPATH: DRIVERS,
          PYTHONDONTWRITEBYTECODE: '1',
        });
      },
    };
  }

  function raw(connections: number, batch: number): Contender {
    return {
      name: `postgres, ${connections} × ${batch}`,
      measures: ['bulk'],
      async start(directory) {
        await using undo = new AsyncDisposableStack();
        // Only its schema is needed. Nothing runs, because no request comes.
        const host = await startHost(directory, { schedules: false });
        undo.defer(host.stop);
        return driven(undo.move(), directory, process.execPath, [join(DRIVERS, 'raw-postgres.ts')], {
          DATABASE_URL: host.databaseUrl,
          CONNECTIONS: `${connections}`,
          BATCH: `${batch}`,
        });
      },
    };
  }
}

/**
 * Starts a system whose driver is a separate process.
 *
 * @param undo stops the services below the driver
 */
async function driven(
  undo: AsyncDisposableStack,
  directory: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<System> {
  await mkdir(directory, { recursive: true });
  const driver = startMeasuredProcess({ command, args, env, log: join(directory, 'driver.log') });
  undo.defer(driver.stop);
  const stop = () => undo.disposeAsync();
  try {
    await driver.call('start', null, SLACK_SECONDS);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    bulk: (tasks) => driver.call('bulk', tasks, BULK_SECONDS),
    single: (load) => driver.call('single', load, load.seconds + SLACK_SECONDS),
    latency: (samples) => driver.call('latency', samples, SLACK_SECONDS),
    lateness: (plan: LatenessPlan) =>
      driver.call('lateness', plan, plan.fromSeconds + plan.overSeconds + SLACK_SECONDS),
    stop,
  };
}
