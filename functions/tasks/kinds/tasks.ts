import type { TaskDefinition } from '../define-task.ts';
import { LOAD_TASK } from './generated/tasks.ts';

const LOADERS: ReadonlyMap<string, () => Promise<{ default: TaskDefinition }>> = new Map<
  string,
  () => Promise<{ default: TaskDefinition }>
>(Object.entries(LOAD_TASK));

/**
 * Loads the isolated handler of a kind, with its dependencies. The handlers of all other kinds stay unloaded.
 *
 * @returns undefined when there is none
 * @throws when the module cannot be loaded
 */
export async function taskOf(name: string): Promise<TaskDefinition | undefined> {
  const module = await LOADERS.get(name.replace('.', '-'))?.();
  return module?.default.kind === name ? module.default : undefined;
}
