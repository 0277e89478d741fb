import * as z from 'zod';
import type { Input } from '../task-inputs.ts';

/* What a handler asks the worker about the tasks that its task depends on. The worker has the database and the bucket. */

export const inputQuestion = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('input'), name: z.string().max(1_000) }),
]);

export type InputQuestion = z.infer<typeof inputQuestion>;

export type InputAnswers = { input: Input };

/** Asks the worker. @throws PermanentError or RetryError, as documented at `TaskInputs` */
export type AskInputs = <Question extends InputQuestion>(
  question: Question,
) => Promise<InputAnswers[Question['ask']]>;
