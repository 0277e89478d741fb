import type { Context, ScheduledEvent } from 'aws-lambda';
import { sweepAuditLog } from '../audit/sweep.ts';
import { connect, connectionKeeper } from '../database/connect.ts';
import { largestTableBytes } from '../database/size.ts';
import { sweepIdempotencyKeys } from '../idempotency/sweep.ts';
import { sweepIdentities } from '../identity/sessions/sweep.ts';
import { sweepInvitations } from '../organizations/operations/sweep.ts';
import { sweepSockets } from '../realtime/sweep.ts';
import { sweepArtifacts } from '../tasks/artifacts/sweep.ts';
import { countPending } from '../tasks/dispatcher/pending.ts';
import { purge } from '../tasks/dispatcher/retention.ts';
import { tick } from '../tasks/dispatcher/tick.ts';
import { measuringMoves } from '../tasks/events/metrics.ts';
import { endAbandonedImports } from '../tasks/imports/imports.ts';
import { sweepUploads } from '../tasks/imports/uploads.ts';
import { removeOutboundTurns } from '../tasks/worker/outbound.ts';
import { carryOut, type OperatorCommand, operatorCommand } from '../tasks/worker/stopped-hosts.ts';
import { changeNotifier } from './change-notifier.ts';
import { artifacts, queues } from './wiring/clients.ts';
import { deadline } from './wiring/deadline.ts';
import { eachInTurn } from './wiring/each-in-turn.ts';
import { artifactsEnv, commonEnv, notifierEnv, queueEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';
import { metricsEnv, metricsOf } from './wiring/metrics.ts';

const env = readEnv({ ...commonEnv, ...queueEnv, ...notifierEnv, ...metricsEnv, ...artifactsEnv });
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const notifier = changeNotifier(env);
const { measure, flush } = metricsOf(env);
const announce = measuringMoves(measure, notifier.announce);
const bucket = artifacts(env);
const deps = {
  db,
  ...bucket,
  close: notifier.close,
  ...queues(env),
  announce,
  removeArtifact: bucket.artifacts.remove,
  // State of this sandbox, which runs one tick after the other.
  round: { lane: null },
};

/**
 * Seconds of a tick that each sweep leaves to the sweeps after it. Every sweep runs its first step in any case. The last
 * reserve is for the work at the end of the tick.
 */
const LEFT_AFTER = {
  sockets: 40,
  identities: 36,
  audit: 34,
  idempotency: 32,
  uploads: 28,
  artifacts: 27,
  invitations: 26,
  retention: 10,
};

/**
 * Retention is behind when a task is overdue for deletion by this many seconds. Each organization is checked every ten
 * minutes.
 */
const BEHIND_SECONDS = 3_600;

/** Maximum outbound turns that one tick removes. Ticks of one minute normally remove only a few. */
const OUTBOUND_TURNS = 10_000;

export const handler = async (event: ScheduledEvent | OperatorCommand, context: Context) => {
  await keepConnection();
  const command = operatorCommand(event);
  if (command) {
    const done = await carryOut(db, command);
    logger.warn('an operator has given a command', { command, ...done });
    return done;
  }
  const secondsLeft = deadline(context);
  const timeFor = (sweep: keyof typeof LEFT_AFTER) => () => secondsLeft() > LEFT_AFTER[sweep];
  const { results, failed } = await eachInTurn(
    {
      tick: async () => {
        const done = await tick(deps, secondsLeft);
        measure('TasksRescued', done.rescued);
        measure('WakeUpsSent', done.sent);
        measure('WakeUpsUnsent', done.unsent);
        return done;
      },
      imports: () => endAbandonedImports({ db, announceBatch: notifier.announceBatch }),
      // Before the sweeps: watchers must not wait for the sweeps.
      notifier: notifier.flush,
      sockets: () => sweepSockets(deps, timeFor('sockets')),
      identities: () => sweepIdentities(deps, timeFor('identities')),
      pending: () => countPending(db),
      outbound: () => removeOutboundTurns(db, OUTBOUND_TURNS),
      audit: () => sweepAuditLog(deps, timeFor('audit')),
      idempotency: () => sweepIdempotencyKeys(deps, timeFor('idempotency')),
      uploads: () => sweepUploads(deps, timeFor('uploads')),
      artifacts: () => sweepArtifacts(deps, timeFor('artifacts')),
      invitations: () => sweepInvitations(deps, timeFor('invitations')),
      size: async () => measure('LargestTableBytes', await largestTableBytes(db)),
      retention: async () => {
        const purged = await purge(deps, timeFor('retention'));
        measure('RetentionOverdueSeconds', purged.overdueSeconds);
        if (purged.overdueSeconds > BEHIND_SECONDS)
          logger.warn('retention is behind: tasks are still there that should be gone', purged);
        return purged;
      },
    },
    (part, error) => logger.error('a part of the tick failed', { part, error }),
  );
  flush();
  const done = { ...results.tick, closed: results.sockets, removed: results.retention?.removed };
  logger.info('tick', done);
  // Counts as an error in Lambda's own metric, and an alarm watches this metric.
  if (failed.length > 0) throw new Error(`Failed: ${failed.join(', ')}`);
  return done;
};
