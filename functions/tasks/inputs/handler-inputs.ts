import { PermanentError } from '../define-task.ts';
import type { TaskInputs } from '../task-inputs.ts';
import type { AskInputs } from './questions.ts';

/** Returns the inputs of a handler. @param signal of the attempt */
export function handlerInputs(names: readonly string[], ask: AskInputs, signal: AbortSignal): TaskInputs {
  const get: TaskInputs['get'] = async (name) => {
    signal.throwIfAborted();
    return ask({ ask: 'input', name });
  };
  return {
    names,
    get,
    async result(name) {
      const { taskId, status, result } = await get(name);
      if (status === 'COMPLETED') return result;
      throw new PermanentError('input_not_completed', `The task that gives ${name} is ${status}`, {
        details: { name, task: taskId, task_status: status },
      });
    },
  };
}
