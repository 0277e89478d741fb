import type { AttemptAborted } from '../../attempt-aborted.ts';
import type { HandlerOutput } from '../../handler-output.ts';
import type { OutboundTurn } from '../../store/index.ts';
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
    }
  /** The answer to the last question for a turn. Without a turn, nobody knows when it is. */
  | { readonly type: 'turn'; readonly run: number; readonly turn: OutboundTurn | undefined };

export type FromRunner =
  | { readonly type: 'ready' }
  | { readonly type: 'output'; readonly run: number; readonly output: HandlerOutput }
  /** Asks when the organization of the attempt may send a request to a host. The next question waits for the answer. */
  | { readonly type: 'turn'; readonly run: number; readonly host: string }
  /** The result as JSON text. */
  | { readonly type: 'returned'; readonly run: number; readonly result: string }
  | { readonly type: 'threw'; readonly run: number; readonly thrown: Thrown }
  /** Nobody caught it: the runner ends with these words. */
  | { readonly type: 'ending'; readonly message: string };
