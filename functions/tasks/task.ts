/** The seed's six statuses; there are no others. */
export const TASK_STATUSES = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Statuses that nothing but a person's retry leaves. */
export const TERMINAL = ['COMPLETED', 'FAILED', 'CANCELLED'] as const satisfies readonly TaskStatus[];

type Move = { readonly from: readonly TaskStatus[]; readonly to: readonly TaskStatus[] };

/**
 * Every legal move of a task. A move that is not listed here cannot be written: the statements in `store.ts` take
 * the statuses that they may leave from this table, and the tests are generated from it.
 */
export const MOVES = {
  /** Every task it waits for is COMPLETED. */
  release: { from: ['PENDING'], to: ['SCHEDULED'] },
  /** Due, and a worker took it: attempt + 1, a lease. */
  claim: { from: ['SCHEDULED'], to: ['RUNNING'] },
  complete: { from: ['RUNNING'], to: ['COMPLETED'] },
  /** Attempts left, and nobody asked to cancel: `run_at` = now + backoff. */
  retry: { from: ['RUNNING'], to: ['SCHEDULED'] },
  fail: { from: ['RUNNING'], to: ['FAILED'] },
  /** Before the start, final. */
  cancel: { from: ['PENDING', 'SCHEDULED'], to: ['CANCELLED'] },
  /** A cancel was requested while it ran, and the handler has stopped. */
  abort: { from: ['RUNNING'], to: ['CANCELLED'] },
  /** The lease has expired: its worker is dead. By attempts left, or by a cancel requested meanwhile. */
  rescue: { from: ['RUNNING'], to: ['SCHEDULED', 'FAILED', 'CANCELLED'] },
  /** A person asked for it: the attempts are granted anew. */
  requeue: { from: ['FAILED', 'CANCELLED'], to: ['SCHEDULED'] },
} as const satisfies Record<string, Move>;

export type Queue = 'interactive' | 'bulk';

/** Why an attempt, or the task, did not succeed. Shown to the user: no internals, no secrets. */
export type TaskError = { code: string; message: string; [detail: string]: unknown };

/** How failures are retried. */
export type RetryPolicy = {
  /** Seconds; the bound of the first delay divided by the factor. */
  readonly base: number;
  /** What the bound grows by with every attempt. */
  readonly factor: number;
  /** Seconds; no delay is longer. */
  readonly cap: number;
  readonly jitter: 'full' | 'none';
  /** Codes of errors that fail the task at once. */
  readonly neverRetry: readonly string[];
};

/** A task as its row has it. Times are the database's. */
export type Task = {
  id: string;
  organizationId: string;
  createdBy: string | null;
  kind: string;
  name: string;
  description: string;
  payload: unknown;
  queue: Queue;
  status: TaskStatus;
  /** When it was asked to run. */
  scheduledTime: Date;
  /** Earliest start of the next attempt. */
  runAt: Date;
  maxRetries: number;
  /** Starts so far, across requeues; the fence. */
  attempt: number;
  /** The attempt after which a failure is final. */
  attemptLimit: number;
  crashes: number;
  startedAt: Date | null;
  finishedAt: Date | null;
  cancelRequestedAt: Date | null;
  result: unknown;
  error: TaskError | null;
  /** Increases with every change; orders frames. */
  seq: number;
  createdAt: Date;
  updatedAt: Date;
};

/** A row as a move left it, with the connections that watch it. */
export type Watched<T> = T & { watchers: readonly string[] };

/** What became of an attempt. Whether a retry is still granted is the row's to say. */
export type Outcome = { id: string; attempt: number } & (
  | { kind: 'complete'; result: unknown }
  | { kind: 'retry'; error: TaskError; delaySeconds: number }
  | { kind: 'fail'; error: TaskError }
);

/** One wake-up to send: ids of one organization that become due at the same time. */
export type WakeUp = { organizationId: string; queue: Queue; delaySeconds: number; ids: readonly string[] };

/**
 * Sends wake-ups. Losing one costs time, never a task.
 *
 * @returns the ids whose message could not be sent
 */
export type Enqueue = (wakeUps: readonly WakeUp[]) => Promise<string[]>;

/** When messages are sent. */
export type DispatchSettings = {
  /** A task due within this time gets its message at once, with a delay; others wait for the dispatcher. Below SQS's 900 s. */
  lookaheadSeconds: number;
  /** A message not claimed this long after the task was due is presumed lost, and is sent again. */
  resendSeconds: number;
};
