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
    onPostgres('graphile-worker'),
    onPostgres('pg-boss'),
    bullmq('everysec'),
    bullmq('always'),
    celery(),
    ...[1, 4].flatMap((connections) => [100, 1000].map((batch) => raw(connections, batch))),
  ];

  function onPostgres(name: string): Contender {
    return {
      name,
      measures: ALL,
      prepare: cache.installPackages,
      start: async (directory) =>
        driven({
          directory,
          driver: `${name}.ts`,
          env: { ...node, DATABASE_URL: await freshPostgres(directory) },
        }),
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
      start: async (directory) =>
        driven({
          directory,
          driver: 'bullmq.ts',
          env: { ...node, REDIS_PORT: `${await startRedis(directory, fsync)}` },
        }),
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
      start: async (directory) =>
        driven({
          directory,
          driver: 'celery_driver.py',
          command: cache.python,
          env: {
            DATABASE_URL: await freshPostgres(directory),
            REDIS_URL: `redis://127.0.0.1:${await startRedis(directory, 'everysec')}/0`,
            PYTHONPATH: DRIVERS,
            PYTHONDONTWRITEBYTECODE: '1',
          },
        }),
    };
  }

  function raw(connections: number, batch: number): Contender {
    return {
      name: `postgres, ${connections} × ${batch}`,
      measures: ['bulk'],
      async start(directory) {
        // Only its schema is needed. Nothing runs, because no request comes.
        const host = await startHost(directory, { schedules: false });
        return driven({
          directory,
          driver: 'raw-postgres.ts',
          env: {
            DATABASE_URL: host.databaseUrl,
            CONNECTIONS: `${connections}`,
            BATCH: `${batch}`,
          },
        });
      },
    };
  }
}

/** Starts a system whose driver is a separate process. @param options.command runs the driver; default: Node */
async function driven(options: {
  directory: string;
  driver: string;
  command?: string;
  env: Readonly<Record<string, string>>;
}): Promise<System> {
  const { directory, driver, command = process.execPath, env } = options;
  const { call } = startMeasuredProcess({
    command,
    args: [join(DRIVERS, driver)],
    env,
    log: join(directory, 'driver.log'),
  });
  await call('start', null, SLACK_SECONDS);
  return {
    bulk: (tasks) => call('bulk', tasks, BULK_SECONDS),
    single: (load) => call('single', load, load.seconds + SLACK_SECONDS),
    latency: (samples) => call('latency', samples, SLACK_SECONDS),
    lateness: (plan: LatenessPlan) =>
      call('lateness', plan, plan.fromSeconds + plan.overSeconds + SLACK_SECONDS),
  };
}
