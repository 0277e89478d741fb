import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { connect, wakener } from '../database/connect.ts';
import type { Announce } from '../tasks/commands/change.ts';
import { recordDeadLetters } from '../tasks/dispatcher/rescue.ts';
import { measureMoves } from '../tasks/events/metrics.ts';
import { listeners } from './change-notifier.ts';
import { commonEnv, listenersEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';
import { meterEnv, meterOf } from './wiring/metrics.ts';
import { taskIds } from './wiring/task-messages.ts';

const env = readEnv({ ...commonEnv, ...listenersEnv, ...meterEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const told = listeners(env);
const { measure, flush } = meterOf(env);
const announce: Announce = (tasks) => {
  measure('TasksRescued', tasks.length);
  measureMoves(measure, tasks);
  told.announce(tasks);
};

export const handler = async (event: SQSEvent): Promise<SQSBatchResponse> => {
  await wake();
  const ids = event.Records.flatMap((record) => taskIds(record) ?? []);
  logger.error('messages were given up on', { messages: event.Records.length, ids });
  try {
    if (ids.length > 0) await recordDeadLetters({ db, announce }, ids);
  } finally {
    await told.flush();
    flush();
  }
  return { batchItemFailures: [] };
};
