import type { Json, TaskContext } from '../../../define-task.ts';
import type { Pieces } from '../text/pieces.ts';

/** All that an operation needs beside its own settings. */
export type StepContext = Pick<TaskContext, 'artifacts' | 'signal'> & {
  /** Language of the text, as BCP 47 says. */
  readonly language: string;
  /** Gives way to messages and timers. @throws the signal's reason when it has aborted */
  readonly yieldTurn: () => Promise<void>;
  /** JSON pointer to the operation. */
  readonly where: string;
};

/**
 * One operation. The text flows through it in pieces, so that a text of any length takes little memory. An operation that analyses a
 * text passes it on unchanged.
 */
export type Step = {
  readonly through: (pieces: Pieces) => Pieces;
  /** The operation's part of the result. Called after the text has flowed through. */
  readonly entry: () => Promise<Entry> | Entry;
};

export type Entry = { readonly [member: string]: Json };
