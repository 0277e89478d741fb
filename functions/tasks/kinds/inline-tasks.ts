import type { TaskDefinition } from '../define-task.ts';
import dataProcess from './data-process/without-data.ts';
import httpRequest from './http-request/run.ts';

/**
 * What runs in the worker itself: the kinds, or those of their payloads, that `runs` says so of. Everything that is
 * heavy stays out of the worker's bundle, and in that of its runners.
 */
const INLINE_TASKS: ReadonlyMap<string, TaskDefinition> = new Map<string, TaskDefinition>([
  [dataProcess.kind, dataProcess],
  [httpRequest.kind, httpRequest],
]);

/** @returns what runs a kind inline, or undefined when nothing does */
export function inlineTaskOf(name: string): TaskDefinition | undefined {
  return INLINE_TASKS.get(name);
}
