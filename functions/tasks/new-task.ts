import type { Inputs, OnFailure, Queue, RetryPolicy } from './task.ts';

/** A new task, ready to be inserted. */
export type NewTask = {
  id: string;
  kind: string;
  name: string;
  description: string;
  /** A `JsonText`, which is stored unchanged, or a value. */
  payload: unknown;
  queue: Queue;
  /** RFC 3339; null means now. */
  scheduledTime: string | null;
  maxRetries: number;
  retryPolicy: Partial<RetryPolicy> | null;
  softSeconds: number | null;
  hardSeconds: number | null;
  uniqueKey: string | null;
  concurrencyKey: string | null;
  concurrencyLimit: number | null;
  /** True when attempts of the kind only wait for the network. */
  waitsForNetwork: boolean;
  /**
   * Ids of tasks of the organization that `awaitTasks` has marked in the same transaction, or of tasks that are written together
   * with this one; null for none.
   */
  dependsOn: readonly string[] | null;
  /** Artifacts that the payload names. Absent: none. */
  artifactIds?: readonly string[];
  /** The dependencies by the names under which the task is given their results; null for dependencies without names. */
  inputs: Inputs | null;
  /** Name of the task among the tasks of its request. */
  ref: string | null;
  onFailure: OnFailure;
  /** Address that the task sends mail from. Absent: it sends none. */
  sender?: string;
};

/** Values of the optional fields of a task whose creator sets none. */
export const PLAIN_TASK = {
  description: '',
  scheduledTime: null,
  retryPolicy: null,
  softSeconds: null,
  hardSeconds: null,
  uniqueKey: null,
  concurrencyKey: null,
  concurrencyLimit: null,
  waitsForNetwork: false,
  dependsOn: null,
  inputs: null,
  onFailure: 'cancel',
  ref: null,
} as const;

/** The batch that new tasks belong to. */
export type NewBatch = { id: string; name: string; queue: Queue };

export type TaskRequest = Omit<NewTask, 'id'>;
