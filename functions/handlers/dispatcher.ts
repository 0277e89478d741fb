import type { Context, ScheduledEvent } from 'aws-lambda';
import { connect, wakener } from '../database/connect.ts';
import { sweepIdempotencyKeys } from '../idempotency/sweep.ts';
import { sweepIdentities } from '../identity/sweep.ts';
import { sweepSockets } from '../realtime/sweep.ts';
import type { Announce } from '../tasks/change.ts';
import { type Tick, tick } from '../tasks/dispatch.ts';
import { endAbandonedImports } from '../tasks/imports.ts';
import { measureMoves } from '../tasks/measure-moves.ts';
import { purge } from '../tasks/retention.ts';
import { artifacts, queues } from './clients.ts';
import { deadline } from './deadline.ts';
import { artifactsEnv, commonEnv, listenersEnv, queueEnv, readEnv } from './environment.ts';
import { listeners } from './listeners.ts';
import { logger } from './logger.ts';
import { meterEnv, meterOf } from './meter.ts';

const env = readEnv({ ...commonEnv, ...queueEnv, ...listenersEnv, ...meterEnv, ...artifactsEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const told = listeners(env);
const { measure, flush } = meterOf(env);
const announce: Announce = (tasks) => {
  measureMoves(measure, tasks);
  told.announce(tasks);
};
const deps = {
  db,
  close: told.close,
  ...queues(env),
  announce,
  removeArtifact: artifacts(env).artifacts.remove,
  // Of this sandbox, which serves one tick after the other.
  round: { lane: null },
};

/** Kept back of a tick for what must be done at its end. */
const RESERVE_SECONDS = 10;

export const handler = async (_event: ScheduledEvent, context: Context) => {
  await wake();
  // Told even where it fails half-way, and before the sweeps, which nobody waits for.
  const done = await move(context).finally(told.flush);
  const closed = await sweepSockets(deps);
  await sweepIdentities(deps);
  await sweepIdempotencyKeys(deps);
  const removed = await purge(deps, () => deadline(context)() > RESERVE_SECONDS);
  logger.info('tick', { ...done, closed, removed });
  return { ...done, closed, removed };
};

/** What changes the status of tasks and batches. */
async function move(context: Context): Promise<Tick> {
  const done = await tick(deps, deadline(context));
  measure('TasksRescued', done.rescued);
  measure('WakeUpsSent', done.sent);
  measure('WakeUpsUnsent', done.unsent);
  flush();
  await endAbandonedImports({ db, announceBatch: told.announceBatch });
  return done;
}
