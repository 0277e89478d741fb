import type { Queue, WakeUp } from './task.ts';

/** Ids that one message of a queue may carry. A click's message carries one, so that it waits for no other. */
export const IDS_PER_MESSAGE: Record<Queue, number> = { interactive: 1, bulk: 100 };

/** SQS's bound of DelaySeconds. */
export const LONGEST_DELAY_SECONDS = 900;

export type Due = {
  id: string;
  organizationId: string;
  queue: Queue;
  /** Until `run_at`; negative when it is past. */
  dueInSeconds: number;
  /** Has taken a worker down before: its message carries nothing else. */
  suspect?: boolean;
};

/**
 * Groups due tasks into messages: one organization, one queue and one delay each. Delays are rounded down; the worker
 * waits out the last fraction of a second.
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
