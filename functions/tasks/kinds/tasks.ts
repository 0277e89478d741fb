import type { TaskDefinition } from '../define-task.ts';
import { TASKS } from './generated/tasks.ts';

const BY_NAME: ReadonlyMap<string, TaskDefinition> = new Map<string, TaskDefinition>(
  TASKS.map((task) => [task.kind, task]),
);

/** @returns what runs a kind in a process of its own, or undefined when nothing does */
export const taskOf = (name: string): TaskDefinition | undefined => BY_NAME.get(name);
