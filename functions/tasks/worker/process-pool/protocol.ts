import type { AttemptAborted } from '../../attempt-aborted.ts';
import type { Said } from '../../handler-output.ts';
import type { Thrown } from './thrown.ts';

/*
 * What the worker and a runner tell each other. `run` numbers the attempts of a runner: what a handler still says
 * after it has returned is nobody's.
 */

/** An attempt to be run elsewhere: the data of a task's context. */
export type Job = {
  readonly taskId: string;
  readonly kind: string;
  /** JSON, as it was written. */
  readonly payload: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** When its signal aborts by itself. */
  readonly deadline: Date;
};

export type ToRunner =
  | { readonly type: 'run'; readonly run: number; readonly job: Job }
  | {
      readonly type: 'abort';
      readonly run: number;
      readonly code: AttemptAborted['code'];
      readonly message: string;
    };

export type FromRunner =
  | { readonly type: 'ready' }
  | { readonly type: 'said'; readonly run: number; readonly said: Said }
  /** The result as JSON text. */
  | { readonly type: 'returned'; readonly run: number; readonly result: string }
  | { readonly type: 'threw'; readonly run: number; readonly thrown: Thrown }
  /** Nobody caught it: the runner ends with these words. */
  | { readonly type: 'ending'; readonly message: string };
