import type { TaskDefinition } from '../define-task.ts';
import { INLINE_TASKS } from './generated/inline-tasks.ts';

/**
 * What runs in the worker itself: the kinds, or those of their payloads, that `runs` says so of. Everything that is
 * heavy stays out of the worker's bundle, and in that of its runners.
 */
const BY_NAME: ReadonlyMap<string, TaskDefinition> = new Map<string, TaskDefinition>(
  INLINE_TASKS.map((task) => [task.kind, task]),
);

/** @returns what runs a kind inline, or undefined when nothing does */
export const inlineTaskOf = (name: string): TaskDefinition | undefined => BY_NAME.get(name);
