import type { TaskDefinition } from '../define-task.ts';
import dataProcess from './data-process/run.ts';
import httpRequest from './http-request/run.ts';
import { isKindName, type KindName } from './index.ts';

/** Every kind with the function that runs it, in a runner. */
const TASKS: Readonly<Record<KindName, TaskDefinition>> = {
  'data.process': dataProcess,
  'http.request': httpRequest,
};

/** @returns the task definition of this name, or undefined when there is none */
export function taskOf(name: string): TaskDefinition | undefined {
  return isKindName(name) ? TASKS[name] : undefined;
}
