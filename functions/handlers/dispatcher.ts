import type { Context, ScheduledEvent } from 'aws-lambda';
import { connect, wakener } from '../database/connect.ts';
import { sweepIdentities } from '../identity/sweep.ts';
import { sweepSockets } from '../realtime/sweep.ts';
import { tick } from '../tasks/dispatch.ts';
import { queues, sockets } from './clients.ts';
import { deadline } from './deadline.ts';
import { commonEnv, queueEnv, readEnv, socketEnv } from './environment.ts';
import { logger } from './logger.ts';

const env = readEnv({ ...commonEnv, ...queueEnv, ...socketEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const { announcer, close } = sockets(env);
const deps = { db, close, ...queues(env), announce: announcer.announce };

export const handler = async (_event: ScheduledEvent, context: Context) => {
  await wake();
  const done = await tick(deps, deadline(context));
  const closed = await sweepSockets(deps);
  await sweepIdentities(deps);
  await announcer.flush();
  logger.info('tick', { ...done, closed });
  return { ...done, closed };
};
