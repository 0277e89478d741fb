import { text } from 'node:stream/consumers';
import type { Database } from '../../database/connect.ts';
import { retryOnConnectionLoss } from '../../database/retry-on-connection-loss.ts';
import type { Bucket } from '../artifacts/bucket.ts';
import { type Json, PermanentError, RetryError } from '../define-task.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import type { Input } from '../task-inputs.ts';
import type { AskInputs } from './questions.ts';

export type InputDeps = {
  db: Database;
  artifacts: Pick<Bucket, 'readStream'>;
  /** Called with errors that a handler must not see. */
  logError: (error: unknown) => void;
};

/** Answers what the handler of an attempt asks about the tasks that its task depends on. */
export function attemptInputs(
  { db, artifacts, logError }: InputDeps,
  { organizationId, inputs }: Pick<Task, 'organizationId' | 'inputs'>,
): AskInputs {
  /** Reads a result that is too large for its row; undefined when it is gone. */
  const largeResult = async (key: string): Promise<Json | undefined> => {
    const object = await artifacts.readStream(key);
    return object && JSON.parse(await text(object.content));
  };

  const input = async (name: string): Promise<Input> => {
    const id = inputs !== null && Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (id === undefined) throw unknown(name);
    const found = await retryOnConnectionLoss(() => store.findInput(db, organizationId, id));
    if (!found) throw expired(name, id);
    const { status, artifact, error } = found;
    const result = artifact ? await largeResult(artifact.key) : found.result;
    // Retention removes the object before the row.
    if (result === undefined) throw expired(name, id);
    return { taskId: id, status, result, error: status === 'COMPLETED' ? null : error };
  };

  return async ({ name }) => {
    try {
      return await input(name);
    } catch (error) {
      if (error instanceof PermanentError) throw error;
      logError(error);
      throw new RetryError('inputs_unavailable', 'The results of other tasks cannot be read now');
    }
  };
}

const unknown = (name: string) =>
  new PermanentError('input_unknown', 'depends_on of this task does not have this name', {
    details: { name: name.slice(0, 100) },
  });

const expired = (name: string, id: string) =>
  new PermanentError('input_expired', `The task that gives ${name} was removed: its retention is over`, {
    details: { name, task: id },
  });
