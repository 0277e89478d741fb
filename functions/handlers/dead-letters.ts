import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { connect, connectionKeeper } from '../database/connect.ts';
import type { Announce } from '../tasks/commands/change.ts';
import { recordDeadLetters } from '../tasks/dispatcher/rescue.ts';
import { measuringMoves } from '../tasks/events/metrics.ts';
import { changeNotifier } from './change-notifier.ts';
import { commonEnv, notifierEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';
import { metricsEnv, metricsOf } from './wiring/metrics.ts';
import { taskIds } from './wiring/task-messages.ts';

const env = readEnv({ ...commonEnv, ...notifierEnv, ...metricsEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const notifier = changeNotifier(env);
const { measure, flush } = metricsOf(env);
const announceMoves = measuringMoves(measure, notifier.announce);
const announce: Announce = (tasks) => {
  measure('TasksRescued', tasks.length);
  announceMoves(tasks);
};

export const handler = async (event: SQSEvent): Promise<SQSBatchResponse> => {
  await keepConnection();
  const ids = event.Records.flatMap((record) => taskIds(record) ?? []);
  logger.error('messages were given up on', { messages: event.Records.length, ids });
  try {
    if (ids.length > 0) await recordDeadLetters({ db, announce }, ids);
  } finally {
    await notifier.flush();
    flush();
  }
  return { batchItemFailures: [] };
};
