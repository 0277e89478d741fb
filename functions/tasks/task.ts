import type { JsonText } from '../exact-json/json-text.ts';

/** Every status of a task. The names are those of the replaced task API: docs/compatibility.md. */
export const TASK_STATUSES = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Statuses that only a retry by a person leaves. */
export const TERMINAL = ['COMPLETED', 'FAILED', 'CANCELLED'] as const satisfies readonly TaskStatus[];

type Move = { readonly from: readonly TaskStatus[]; readonly to: readonly TaskStatus[] };

/**
 * Every legal move of a task. A move that is not listed here cannot be written: the statements in `store/` take
 * the statuses that they may leave from this table, and the tests are generated from it.
 */
export const MOVES = {
  /** All its dependencies are COMPLETED, or one of them never will be; see `OnFailure`. */
  release: { from: ['PENDING'], to: ['SCHEDULED', 'CANCELLED'] },
  /** The task is due, and a worker has claimed it: attempt + 1, a lease. */
  claim: { from: ['SCHEDULED'], to: ['RUNNING'] },
  complete: { from: ['RUNNING'], to: ['COMPLETED'] },
  /** Attempts are left, and no cancel was requested: `run_at` = now + backoff. */
  retry: { from: ['RUNNING'], to: ['SCHEDULED'] },
  fail: { from: ['RUNNING'], to: ['FAILED'] },
  /** Before the start. Final. */
  cancel: { from: ['PENDING', 'SCHEDULED'], to: ['CANCELLED'] },
  /** A cancel was requested during the attempt, and the handler has stopped. */
  abort: { from: ['RUNNING'], to: ['CANCELLED'] },
  /**
   * The lease has expired: the worker is presumed dead. The target depends on the attempts left, and on a cancel requested
   * meanwhile.
   */
  rescue: { from: ['RUNNING'], to: ['SCHEDULED', 'FAILED', 'CANCELLED'] },
  /** Gives another time before the start. */
  reschedule: { from: ['PENDING', 'SCHEDULED'], to: ['PENDING', 'SCHEDULED'] },
  /** A person asked for it. The number of attempts starts anew. PENDING while the task waits for dependencies. */
  requeue: { from: ['FAILED', 'CANCELLED'], to: ['SCHEDULED', 'PENDING'] },
} as const satisfies Record<string, Move>;

export const QUEUES = ['interactive', 'bulk'] as const;

/** Single tasks use `interactive` and batches use `bulk`, so that a click never waits behind a load. */
export type Queue = (typeof QUEUES)[number];

/** Why an attempt, or the task, did not succeed. Users see it: no internals, no secrets. */
export type TaskError = { code: string; message: string; [detail: string]: unknown };

/** Ids of tasks by the names under which a task that depends on them is given their results. */
export type Inputs = Readonly<Record<string, string>>;

/** The reaction of a task when a task that it depends on fails or is cancelled. */
export const ON_FAILURE = ['cancel', 'run'] as const;

/** `cancel`: it is cancelled, too. `run`: it runs as soon as all its dependencies have ended, however they ended. */
export type OnFailure = (typeof ON_FAILURE)[number];

/** Why an attempt is made. */
export type Cause = 'created' | 'retry' | 'crash' | 'requeue';

/** How failures are retried. `maxRetries` tells how often. */
export type RetryPolicy = {
  /** Seconds. The bound of the first delay is `base · factor`. */
  base: number;
  factor: number;
  /** Seconds. Longest delay. */
  cap: number;
  jitter: 'full' | 'none';
  /** Codes of errors that fail the task at once. */
  neverRetry: readonly string[];
};

/** The last reported progress of an attempt. */
export type Progress = { fraction: number; note: string | null; at: string };

/** A line that a handler logged. */
export type LogEntry = {
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields?: Readonly<Record<string, unknown>>;
};

/** Place of a result that is too large for the row. */
export type Artifact = { key: string; bytes: number };

/** A task, as its row has it. Times are by the database's clock. */
export type Task = {
  id: string;
  organizationId: string;
  createdBy: string | null;
  batchId: string | null;
  kind: string;
  name: string;
  description: string;
  /** As the caller wrote it; null in rows that a move returns. */
  payload: JsonText | null;
  queue: Queue;
  status: TaskStatus;
  /** The requested start. */
  scheduledTime: Date;
  /** Earliest start of the next attempt. */
  runAt: Date;
  maxRetries: number;
  /** Differences from the kind's policy. */
  retryPolicy: Partial<RetryPolicy> | null;
  /** Null for the kind's limits. */
  softSeconds: number | null;
  hardSeconds: number | null;
  /** Unique among the live tasks of an organization. */
  uniqueKey: string | null;
  /** At most `concurrencyLimit` tasks with this key run at once in an organization. */
  concurrencyKey: string | null;
  concurrencyLimit: number | null;
  /** True when its attempts only wait for the network, according to its kind at the time of creation. */
  waitsForNetwork: boolean;
  onFailure: OnFailure;
  /** Null for a task without named dependencies. */
  inputs: Inputs | null;
  /** Name of the task among the tasks of its bulk request. */
  ref: string | null;
  /** Number of starts so far, across requeues. It is the fence. */
  attempt: number;
  /** The attempt after which a failure is final. */
  attemptLimit: number;
  /** Why the next attempt will be made, or why the present or last one was made. */
  cause: Cause;
  crashes: number;
  startedAt: Date | null;
  finishedAt: Date | null;
  cancelRequestedAt: Date | null;
  progress: Progress | null;
  result: unknown;
  artifact: Artifact | null;
  error: TaskError | null;
  /** True while dependents wait that have not yet been handled after this task's end. */
  hasDependents: boolean;
  /** Increases with every change; orders frames. */
  seq: number;
  createdAt: Date;
  updatedAt: Date;
};

/** Tasks that were created together. The counters count its terminal tasks. Times are in Postgres's format. */
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
  /** The ids of its tasks lie between these two. */
  firstTaskId: string | null;
  lastTaskId: string | null;
  /** The task that imports its tasks; null for a batch that was created at once. */
  importTaskId: string | null;
  /** True when `total` is final. */
  sealed: boolean;
  /** Increases with every change; orders frames. */
  seq: number;
  createdAt: string;
  updatedAt: string;
  finishedAt: string | null;
};

/**
 * A row after a move, with the connections that watch it. `batch` is set when the batch is watched, or when the move finished it.
 */
export type Watched<T> = T & {
  watchers: readonly string[];
  batch: (Batch & { watchers: readonly string[] }) | null;
  /** All kept log entries of its attempt, when there are new ones. */
  logs?: readonly LogEntry[];
};

/** Outcome of an attempt, with its last progress and logs. The row decides whether a retry is still granted. */
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
