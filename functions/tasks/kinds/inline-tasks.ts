import type { TaskDefinition } from '../define-task.ts';
import { INLINE_TASKS } from './generated/inline-tasks.ts';

/**
 * Handlers that run in the worker itself: those of kinds whose `runs` allows it for some or all payloads. Heavy code stays out of
 * the worker's bundle, and is in the bundle of its runners.
 */
const BY_NAME: ReadonlyMap<string, TaskDefinition> = new Map<string, TaskDefinition>(
  INLINE_TASKS.map((task) => [task.kind, task]),
);

/** @returns the inline handler of a kind, or undefined when there is none */
export const inlineTaskOf = (name: string): TaskDefinition | undefined => BY_NAME.get(name);
