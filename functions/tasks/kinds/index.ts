import type { Kind } from '../define-task.ts';
import { batchImport } from './batch-import/schema.ts';
import { dataProcess } from './data-process/schema.ts';
import { httpRequest } from './http-request/schema.ts';

/** Every kind of task that can be asked for, as data. What runs them is in `tasks.ts`, which only the worker imports. */
export const KINDS = {
  [dataProcess.kind]: dataProcess,
  [httpRequest.kind]: httpRequest,
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

/** The kind of a task that names none. */
export const DEFAULT_KIND = dataProcess.kind;

/** In the order of {@link KINDS}; never empty. */
export const KIND_NAMES: readonly [KindName, ...KindName[]] = [dataProcess.kind, httpRequest.kind];

/** The same, and the kinds whose tasks the engine makes for itself: what can be listed, paused and acted on. */
export const LISTED_KIND_NAMES = [...KIND_NAMES, batchImport.kind] as const;

/** @returns the kind of this name, or undefined when there is none */
export function kindOf(name: string): Kind | undefined {
  return isKindName(name) ? KINDS[name] : undefined;
}

export function isKindName(name: string): name is KindName {
  return Object.hasOwn(KINDS, name);
}

/** The same and those that the engine makes for itself, which nobody can ask for: for those who run what there is. */
export const KINDS_BY_NAME: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...Object.entries(KINDS),
  [batchImport.kind, batchImport],
]);
