import type { ArtifactAnswers, ArtifactQuestion } from '../../artifacts/questions.ts';
import type { AttemptAborted } from '../../attempt-aborted.ts';
import type { HandlerOutput } from '../../handler-output.ts';
import type { InputAnswers, InputQuestion } from '../../inputs/questions.ts';
import type { OutboundTurn } from '../../store/index.ts';
import type { Thrown } from './thrown.ts';

/*
 * Messages between the worker and a runner. `run` numbers the attempts of a runner, so that output that a handler sends after its
 * return is not taken for another attempt's.
 */

/** An attempt for another process: the data of a task's context. */
export type Job = {
  readonly taskId: string;
  readonly kind: string;
  /** JSON, as the caller wrote it. */
  readonly payload: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** When the signal aborts because of the soft limit. */
  readonly deadline: Date;
  /** Names of the task's inputs. */
  readonly inputNames: readonly string[];
};

export type ToRunner =
  | { readonly type: 'run'; readonly run: number; readonly job: Job }
  | {
      readonly type: 'abort';
      readonly run: number;
      readonly code: AttemptAborted['code'];
      readonly message: string;
    }
  /** Answer to the last question for a turn. `turn` is absent when it could not be taken. */
  | { readonly type: 'turn'; readonly run: number; readonly turn: OutboundTurn | undefined }
  /** Answer to the last question about artifacts. */
  | {
      readonly type: 'artifact';
      readonly run: number;
      readonly answer: AnswerOr<ArtifactAnswers[ArtifactQuestion['ask']]>;
    }
  /** Answer to the last question about inputs. */
  | {
      readonly type: 'input';
      readonly run: number;
      readonly answer: AnswerOr<InputAnswers[InputQuestion['ask']]>;
    };

export type FromRunner =
  | { readonly type: 'ready' }
  | { readonly type: 'output'; readonly run: number; readonly output: HandlerOutput }
  /** Asks when the organization of the attempt may send a request to a host. The next question waits for the answer. */
  | { readonly type: 'turn'; readonly run: number; readonly host: string }
  /** Asks about artifacts. The next question waits for the answer. */
  | { readonly type: 'artifact'; readonly run: number; readonly question: ArtifactQuestion }
  /** Asks about the tasks that its task depends on. The next question waits for the answer. */
  | { readonly type: 'input'; readonly run: number; readonly question: InputQuestion }
  /** The result as JSON text. */
  | { readonly type: 'returned'; readonly run: number; readonly result: string }
  | { readonly type: 'threw'; readonly run: number; readonly thrown: Thrown }
  /** An error that no code has caught: the runner ends with this message. */
  | { readonly type: 'ending'; readonly message: string };

/** An answer, or the error that the question ended with. */
export type AnswerOr<Answer> = { readonly answered: Answer } | { readonly thrown: Thrown };
