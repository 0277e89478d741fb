import * as z from 'zod';
import type { Attempt } from '../../../tasks/queries/tasks.ts';
import { cursorParameter } from '../../pages/cursor.ts';
import { pageLimit } from '../../pages/page-limit.ts';

const time = () => z.iso.datetime().nullable();

/** `GET /api/tasks/<id>/attempts/` */
export const ListAttempts = z.strictObject({
  limit: pageLimit({ max: 100, default: 20 }),
  cursor: cursorParameter(/^[1-9][0-9]{0,8}$/, Number),
});

/** An attempt in the API's form. */
export const AttemptView = z
  .object({
    attempt: z.int().describe('Number of the attempt, from 1. Manual retries continue the count'),
    outcome: z.enum(['running', 'completed', 'retried', 'failed', 'aborted', 'crashed']),
    cause: z
      .enum(['created', 'retry', 'crash', 'requeue'])
      .nullable()
      .describe(
        'Reason of the attempt: the task is new, the previous attempt failed or crashed, or a user retried the task',
      ),
    due_at: time(),
    started_at: z.iso.datetime(),
    finished_at: time(),
    late_seconds: z.number().nullable().describe('Seconds between due time and start'),
    duration_seconds: z.number().nullable(),
    next_attempt_in_seconds: z
      .number()
      .nullable()
      .describe('Seconds between the end of this attempt and the next attempt'),
    error: z.object({ code: z.string(), message: z.string() }).loose().nullable(),
    progress: z
      .object({ fraction: z.number(), note: z.string().nullable(), at: z.iso.datetime() })
      .nullable(),
    logs: z.array(
      z.object({
        at: z.iso.datetime(),
        level: z.enum(['debug', 'info', 'warn', 'error']),
        message: z.string(),
        fields: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
  })
  .meta({ id: 'Attempt' });

export function attemptView(attempt: Attempt): z.infer<typeof AttemptView> {
  const { dueAt, startedAt, finishedAt } = attempt;
  return {
    attempt: attempt.attempt,
    outcome: attempt.outcome,
    cause: attempt.cause,
    due_at: dueAt?.toISOString() ?? null,
    started_at: startedAt.toISOString(),
    finished_at: finishedAt?.toISOString() ?? null,
    late_seconds: dueAt && secondsBetween(dueAt, startedAt),
    duration_seconds: finishedAt && secondsBetween(startedAt, finishedAt),
    next_attempt_in_seconds: attempt.delaySeconds,
    error: attempt.error,
    progress: attempt.progress,
    logs: attempt.logs ?? [],
  };
}

const secondsBetween = (from: Date, to: Date) => (to.getTime() - from.getTime()) / 1000;
