import type { JsonText } from '../exact-json/json-text.ts';

/** Every status of a task. The names are those of the replaced task API: docs/compatibility.md. */
export const TASK_STATUSES = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Statuses that nothing but a person's retry leaves. */
export const TERMINAL = ['COMPLETED', 'FAILED', 'CANCELLED'] as const satisfies readonly TaskStatus[];

type Move = { readonly from: readonly TaskStatus[]; readonly to: readonly TaskStatus[] };

/**
 * Every legal move of a task. A move that is not listed here cannot be written: the statements in `store/` take
 * the statuses that they may leave from this table, and the tests are generated from it.
 */
export const MOVES = {
  /** Every task it waits for is COMPLETED; or one of them never will be. */
  release: { from: ['PENDING'], to: ['SCHEDULED', 'CANCELLED'] },
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
  /** Another time, before the start. */
  reschedule: { from: ['PENDING', 'SCHEDULED'], to: ['PENDING', 'SCHEDULED'] },
  /** A person asked for it: the attempts are granted anew. PENDING while it waits for others. */
  requeue: { from: ['FAILED', 'CANCELLED'], to: ['SCHEDULED', 'PENDING'] },
} as const satisfies Record<string, Move>;

export const QUEUES = ['interactive', 'bulk'] as const;

/** Single tasks go by `interactive` and batches by `bulk`, so that a click never waits behind a load. */
export type Queue = (typeof QUEUES)[number];

/** Why an attempt, or the task, did not succeed. Shown to the user: no internals, no secrets. */
export type TaskError = { code: string; message: string; [detail: string]: unknown };

/** Why an attempt is made. */
export type Cause = 'created' | 'retry' | 'crash' | 'requeue';

/** How failures are retried; how often is `maxRetries`. */
export type RetryPolicy = {
  /** Seconds; the bound of the first delay divided by `factor`. */
  base: number;
  factor: number;
  /** Seconds; no delay is longer. */
  cap: number;
  jitter: 'full' | 'none';
  /** Codes of errors that fail the task at once. */
  neverRetry: readonly string[];
};

/** How far an attempt is, as its handler last said. */
export type Progress = { fraction: number; note: string | null; at: string };

/** A line that a handler logged. */
export type LogEntry = {
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields?: Readonly<Record<string, unknown>>;
};

/** Where a result lies that is too large for the row. */
export type Artifact = { key: string; bytes: number };

/** A task as its row has it. Times are the database's. */
export type Task = {
  id: string;
  organizationId: string;
  createdBy: string | null;
  batchId: string | null;
  kind: string;
  name: string;
  description: string;
  /** As it was written; null in rows that a move returns, which leave it out. */
  payload: JsonText | null;
  queue: Queue;
  status: TaskStatus;
  /** When it was asked to run. */
  scheduledTime: Date;
  /** Earliest start of the next attempt. */
  runAt: Date;
  maxRetries: number;
  /** What differs from the kind's. */
  retryPolicy: Partial<RetryPolicy> | null;
  /** Null for the kind's limits. */
  softSeconds: number | null;
  hardSeconds: number | null;
  /** Of one organization, one live task has it. */
  uniqueKey: string | null;
  /** Of one organization, at most `concurrencyLimit` tasks with this key run at once. */
  concurrencyKey: string | null;
  concurrencyLimit: number | null;
  /** Whether its attempts only wait for the network, as its kind said when it was created. */
  waitsForNetwork: boolean;
  /** Starts so far, across requeues; the fence. */
  attempt: number;
  /** The attempt after which a failure is final. */
  attemptLimit: number;
  /** Why the next attempt is made, or the present or last one was. */
  cause: Cause;
  crashes: number;
  startedAt: Date | null;
  finishedAt: Date | null;
  cancelRequestedAt: Date | null;
  progress: Progress | null;
  result: unknown;
  artifact: Artifact | null;
  error: TaskError | null;
  /** Whether tasks wait for this one that have not been told yet how it ended. */
  hasDependents: boolean;
  /** Increases with every change; orders frames. */
  seq: number;
  createdAt: Date;
  updatedAt: Date;
};

/** Tasks that were created together; the counts are those of its terminal tasks. Times as Postgres writes them. */
export type Batch = {
  id: string;
  organizationId: string;
  createdBy: string | null;
  name: string;
  queue: Queue;
  total: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Its tasks' ids lie between these two. */
  firstTaskId: string | null;
  lastTaskId: string | null;
  /** The task that imports its tasks; null for one that was made at once. */
  importTaskId: string | null;
  /** Whether `total` is final. */
  sealed: boolean;
  /** Increases with every change; orders frames. */
  seq: number;
  createdAt: string;
  updatedAt: string;
  finishedAt: string | null;
};

/** A row as a move left it, with the connections that watch it, and its batch if anybody watches that or the move finished it. */
export type Watched<T> = T & {
  watchers: readonly string[];
  batch: (Batch & { watchers: readonly string[] }) | null;
  /** All that is kept of what its attempt has logged, when there is something new. */
  logs?: readonly LogEntry[];
};

/** What became of an attempt, and what it last said of itself. Whether a retry is still granted is the row's to say. */
export type Outcome = { id: string; attempt: number; progress?: Progress; logs?: readonly LogEntry[] } & (
  | { kind: 'complete'; result: unknown; artifact?: Artifact }
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
