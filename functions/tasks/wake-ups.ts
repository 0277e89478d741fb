import type { Queue, WakeUp } from './task.ts';

/** Ids that one message of a queue may carry. An interactive message carries one id, so that a click waits for no other task. */
export const IDS_PER_MESSAGE: Record<Queue, number> = { interactive: 1, bulk: 100 };

/** SQS's limit of DelaySeconds. */
export const LONGEST_DELAY_SECONDS = 900;

export type Due = {
  id: string;
  organizationId: string;
  queue: Queue;
  /** Seconds until `run_at`; negative when it is past. */
  dueInSeconds: number;
  /** True when the task has taken a worker down before. Its message carries no other id. */
  suspect?: boolean;
};

/**
 * Groups due tasks into messages: one organization, one queue and one delay each. Delays are rounded down; the worker waits for
 * the last fraction of a second.
 */
export function wakeUps(due: readonly Due[]): WakeUp[] {
  const groups = new Map<string, WakeUp & { ids: string[] }>();
  const made: WakeUp[] = [];
  for (const { id, organizationId, queue, dueInSeconds, suspect } of due) {
    const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, Math.max(0, Math.floor(dueInSeconds)));
    const key = `${organizationId} ${queue} ${delaySeconds}`;
    const open = suspect ? undefined : groups.get(key);
    if (open && open.ids.length < IDS_PER_MESSAGE[queue]) {
      open.ids.push(id);
      continue;
    }
    const wakeUp = { organizationId, queue, delaySeconds, ids: [id] };
    made.push(wakeUp);
    if (!suspect) groups.set(key, wakeUp);
  }
  return made;
}
