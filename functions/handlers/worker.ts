import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import * as z from 'zod';
import { connect, connectionKeeper } from '../database/connect.ts';
import { attemptArtifacts } from '../tasks/artifacts/attempt-artifacts.ts';
import type { Announce } from '../tasks/commands/change.ts';
import { readImportedTask } from '../tasks/commands/parse-task-request.ts';
import { rescueTasks } from '../tasks/dispatcher/rescue.ts';
import { measuringMoves } from '../tasks/events/metrics.ts';
import { importPorts } from '../tasks/imports/imports.ts';
import { attemptInputs } from '../tasks/inputs/attempt-inputs.ts';
import { importTask } from '../tasks/kinds/batch-import/run.ts';
import { emailTask } from '../tasks/kinds/email-send/wired.ts';
import { inlineTaskOf } from '../tasks/kinds/inline-tasks.ts';
import { KINDS_BY_NAME } from '../tasks/kinds/registry.ts';
import type { Task } from '../tasks/task.ts';
import type { Receive } from '../tasks/worker/intake.ts';
import { outboundTurns } from '../tasks/worker/outbound.ts';
import { environmentOfHandlers } from '../tasks/worker/process-pool/environment.ts';
import { runnersFor } from '../tasks/worker/process-pool/memory.ts';
import { startRunners } from '../tasks/worker/process-pool/pool.ts';
import { execute } from '../tasks/worker/worker.ts';
import { changeNotifier } from './change-notifier.ts';
import { artifacts, queues, receiveFrom, returns } from './wiring/clients.ts';
import { deadline } from './wiring/deadline.ts';
import { artifactsEnv, commonEnv, notifierEnv, queueEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';
import { emailPorts, mailEnv } from './wiring/mail.ts';
import { metricsEnv, metricsOf } from './wiring/metrics.ts';
import { outboundEnv, outboundFetch } from './wiring/outbound.ts';
import { taskIds, taskIdsIn } from './wiring/task-messages.ts';

const env = readEnv({
  ...commonEnv,
  ...queueEnv,
  ...notifierEnv,
  ...metricsEnv,
  ...artifactsEnv,
  LEASE_SECONDS: z.coerce.number().min(1).max(600),
  ...outboundEnv,
  ...mailEnv,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: z.coerce.number().int(),
});

const runners = startRunners({
  // The module beside this one, as source or as bundle.
  program: new URL(`./task-runner${extname(import.meta.url)}`, import.meta.url),
  environment: environmentOfHandlers(process.env),
  ...runnersFor(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, availableParallelism()),
});
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const notifier = changeNotifier(env);
const { measure, flush } = metricsOf(env);
const announce = measuringMoves(measure, notifier.announce);
const rescued: Announce = (tasks) => {
  measure('TasksRescued', tasks.length);
  announce(tasks);
};
const sender = queues(env);
const giveBack = returns(env);
const bucket = artifacts(env);
const imports = importTask(
  importPorts({
    db,
    ...bucket,
    ...sender,
    announceBatch: notifier.announceBatch,
    read: readImportedTask,
  }),
);
/** Handlers that need more than a task's context, by kind. */
const wired = new Map(
  [imports, emailTask(emailPorts(env, { db, entry: import.meta.url }))].map((task) => [task.kind, task]),
);
const deps = {
  db,
  ...sender,
  leaseSeconds: env.LEASE_SECONDS,
  kinds: KINDS_BY_NAME,
  taskOf: (name: string) => wired.get(name) ?? inlineTaskOf(name),
  runners,
  putArtifact: bucket.artifacts.put,
  inputsOf: (task: Task, logError: (error: unknown) => void) =>
    attemptInputs({ db, ...bucket, logError }, task),
  artifactsOf: ({ id, organizationId, attempt }: Task, logError: (error: unknown) => void) =>
    attemptArtifacts({ db, ...bucket, logError }, { taskId: id, organizationId, attempt }),
  fetch: outboundFetch(env),
  turnsOf: outboundTurns(db),
  log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) =>
    logger[level](message, fields),
  announce,
  // Reports are not moves, so they must not be counted as moves.
  announceReports: notifier.announceReports,
};

/** Returns a function that receives further messages of the queue that the event came from. */
function furtherMessages({ Records: [record] }: SQSEvent): Receive {
  const receive = receiveFrom(env, record?.eventSourceARN ?? '');
  return async () => {
    const messages = (await receive()).map(({ message, remove }) => ({
      ids: taskIdsIn(message.Body) ?? [],
      isRedelivered: Number(message.Attributes?.ApproximateReceiveCount) > 1,
      remove,
    }));
    const redelivered = messages.flatMap(({ ids, isRedelivered }) => (isRedelivered ? ids : []));
    if (redelivered.length > 0) await rescueTasks({ db, announce: rescued }, redelivered);
    for (const { ids, remove } of messages) if (ids.length === 0) await remove();
    return messages.filter(({ ids }) => ids.length > 0);
  };
}

export const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  const ids: string[] = [];
  const redelivered: string[] = [];
  for (const record of event.Records) {
    const named = taskIds(record);
    if (!named) logger.error('not a task message; dropped', { messageId: record.messageId });
    ids.push(...(named ?? []));
    if (Number(record.attributes.ApproximateReceiveCount) > 1) redelivered.push(...(named ?? []));
  }
  try {
    await keepConnection();
    // An earlier worker may have died with this message.
    if (redelivered.length > 0) await rescueTasks({ db, announce: rescued }, redelivered);
    await execute({ ...deps, receive: furtherMessages(event) }, ids, {
      remainingSeconds: deadline(context),
    });
  } catch (error) {
    await giveBack(event.Records);
    // Counts as an error of the invocation: the alarm sees it, and Lambda fetches fewer messages until invocations
    // succeed again.
    throw error;
  } finally {
    await notifier.flush();
    flush();
  }
  return { batchItemFailures: [] };
};
