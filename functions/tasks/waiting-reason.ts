import { type Queue, type Task, type TaskStatus, TERMINAL } from './task.ts';

/** Facts that explain why a task waits. */
export type WaitingContext = {
  /** The dependencies of the task, while it is PENDING. */
  waitsFor: readonly { id: string; status: TaskStatus }[];
  /** By the database's clock. */
  now: Date;
  /** The lane that holds the task; see store/lanes/lanes.ts. */
  heldBy: string | null;
  /** The pause that applies to the task, if any. */
  pause: { scope: 'kind' | 'queue'; name: string; by: string | null; since: Date } | null;
  /** Running tasks with its concurrency key. 0 unless the task is held in the key's lane. */
  runningWithKey: number;
  /** Running tasks of its organization, 0 unless the task is held in the organization's lane, and the limit. */
  runningInOrganization: number;
  maxRunning: number | null;
  /** Running tasks that wait for the network, and the limits; null unless the task is held in a network lane. */
  requests: { ofOrganization: number; ofUser: number; mostOfOrganization: number; mostOfUser: number } | null;
  /** Messages that the dispatcher has sent for the task. */
  dispatches: number;
  /** When the dispatcher sends the next message, unless a worker starts the task before; null for never, as for a held task. */
  nextDispatchAt: Date | null;
};

export type WaitingReason = { code: string; message: string };

const QUEUE_WORDS: Record<Queue, string> = { interactive: 'interactive', bulk: 'bulk' };

/** Returns the reason for which a task has not run yet; null when it is not waiting. */
export function waitingReason(task: Task, around: WaitingContext): WaitingReason | null {
  if (task.status === 'PENDING') {
    const [over, end] = task.onFailure === 'run' ? [TERMINAL, 'end'] : [['COMPLETED'] as const, 'complete'];
    const open = around.waitsFor.filter(({ status }) => !(over as readonly TaskStatus[]).includes(status));
    const named = open.map(({ id, status }) => `${id} (${status})`).join(', ');
    return {
      code: 'waits_for_tasks',
      message: `It waits for ${count(open.length, 'task')} to ${end}: ${named}`,
    };
  }
  if (task.status !== 'SCHEDULED') return null;
  return before(task, around) ?? held(task, around) ?? queued(task, around);
}

/** The reason of a task that is not due. */
function before(task: Task, { now }: WaitingContext): WaitingReason | undefined {
  if (task.runAt <= now) return undefined;
  const at = `${task.runAt.toISOString()}, in ${span(task.runAt.getTime() - now.getTime())}`;
  if (task.attempt === 0) return { code: 'scheduled', message: `It is scheduled for ${at}` };
  const why = task.error ? `: ${task.error.code}, ${task.error.message}` : '';
  const left = `${task.attemptLimit - task.attempt} of ${task.maxRetries} retries left`;
  return {
    code: 'retry_scheduled',
    message: `Attempt ${task.attempt} did not succeed (${left})${why}. The next one is due at ${at}`,
  };
}

/** The reason of a task that is due, and whose lane is full or paused. */
function held(task: Task, around: WaitingContext): WaitingReason | undefined {
  const { pause, heldBy } = around;
  if (pause) {
    const what = pause.scope === 'kind' ? `The kind ${pause.name}` : `The queue ${pause.name}`;
    const who = pause.by === null ? '' : ` by ${pause.by}`;
    return { code: 'paused', message: `${what} has been paused${who} since ${pause.since.toISOString()}` };
  }
  if (heldBy?.startsWith('key:')) {
    return {
      code: 'concurrency_key_full',
      message:
        `${count(around.runningWithKey, 'task')} with the concurrency key ${task.concurrencyKey} ` +
        `${around.runningWithKey === 1 ? 'runs' : 'run'}, and at most ${task.concurrencyLimit} may at once`,
    };
  }
  if (heldBy === 'organization') {
    const bound = around.maxRunning === null ? '' : `, and at most ${around.maxRunning} may at once`;
    return {
      code: 'organization_full',
      message: `${count(around.runningInOrganization, 'task')} of the organization run${bound}`,
    };
  }
  if (around.requests) {
    const { ofOrganization, ofUser, mostOfOrganization, mostOfUser } = around.requests;
    return {
      code: 'requests_full',
      message:
        `${count(ofOrganization, 'task')} of the organization and ${ofUser} of its user wait for the network. ` +
        `At most ${mostOfOrganization} of an organization and ${mostOfUser} of a user may at once`,
    };
  }
  // The task is still held, but the cause is over. The next tick of the dispatcher releases it.
  return heldBy === null
    ? undefined
    : { code: 'released_soon', message: 'Nothing holds the task any more. It is released within a minute' };
}

/** The reason of a task that is due and only waits in the queue. */
function queued(task: Task, { now, dispatches, nextDispatchAt }: WaitingContext): WaitingReason {
  const since = `It has been due for ${span(now.getTime() - task.runAt.getTime())}`;
  if (task.crashes > 0) {
    return {
      code: 'after_a_crash',
      message: `${since}. Its worker died ${count(task.crashes, 'time')}, so it runs alone, when a worker is idle`,
    };
  }
  const nextMessage =
    nextDispatchAt && nextDispatchAt > now
      ? `. If that message is lost, another one is sent in ${span(nextDispatchAt.getTime() - now.getTime())}`
      : '. The dispatcher sends a message within a minute';
  const messages = dispatches === 0 ? '' : `, after ${count(dispatches, 'message')} by the dispatcher`;
  return {
    code: 'queued',
    message: `${since} and waits in the ${QUEUE_WORDS[task.queue]} queue for a free worker${messages}${nextMessage}`,
  };
}

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

const UNITS: readonly [milliseconds: number, noun: string][] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
];

/** Formats a duration in its largest whole unit. */
function span(milliseconds: number): string {
  const [unit = 1_000, noun = 'second'] = UNITS.find(([size]) => milliseconds >= size) ?? UNITS.at(-1) ?? [];
  return count(Math.max(0, Math.floor(milliseconds / unit)), noun);
}
