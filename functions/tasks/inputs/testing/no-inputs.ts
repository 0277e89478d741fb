import type { TaskInputs } from '../../task-inputs.ts';
import type { AskInputs } from '../questions.ts';

/** Answers no question about inputs, for attempts that ask none. */
export const askNoInputs: AskInputs = () => Promise.reject(new Error('no inputs in this test'));

/** Inputs of a task that depends on none. */
export const NO_INPUTS: TaskInputs = { names: [], get: askNoInputs as never, result: askNoInputs as never };
