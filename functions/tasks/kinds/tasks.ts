import type { TaskDefinition } from '../define-task.ts';
import { TASKS } from './generated/tasks.ts';

const BY_NAME: ReadonlyMap<string, TaskDefinition> = new Map<string, TaskDefinition>(
  TASKS.map((task) => [task.kind, task]),
);

/** @returns the isolated handler of a kind, or undefined when there is none */
export const taskOf = (name: string): TaskDefinition | undefined => BY_NAME.get(name);
