import type { Kind } from '../define-task.ts';
import { batchImport } from './batch-import/schema.ts';
import dataProcess from './data-process/kind.ts';
import { KINDS } from './generated/kinds.ts';

/*
 * Every kind of task as data. Their handlers are in tasks.ts and inline-tasks.ts, which only workers import. To add a kind, add a
 * folder: see ARCHITECTURE.md.
 */

export type KindName = (typeof KINDS)[number]['kind'];

/** The kinds that a caller can ask for, by name. */
const ASKED_FOR: ReadonlyMap<string, Kind> = new Map<string, Kind>(KINDS.map((kind) => [kind.kind, kind]));

/** The kind of a task whose request names none. */
export const DEFAULT_KIND = dataProcess.kind;

/** Never empty. */
export const KIND_NAMES = KINDS.map(({ kind }) => kind) as unknown as readonly [KindName, ...KindName[]];

/** `KIND_NAMES`, and the kinds of tasks that only the engine creates. All of these can be listed, paused and acted on. */
export const LISTED_KIND_NAMES = [...KIND_NAMES, batchImport.kind] as const;

/** @returns the kind of this name, or undefined when a caller cannot ask for it */
export function kindOf(name: KindName): Kind;
export function kindOf(name: string): Kind | undefined;
export function kindOf(name: string): Kind | undefined {
  return ASKED_FOR.get(name);
}

/** The kinds that a caller can ask for, and the kinds of tasks that only the engine creates. For code that runs tasks. */
export const KINDS_BY_NAME: ReadonlyMap<string, Kind> = new Map([
  ...ASKED_FOR,
  [batchImport.kind, batchImport],
]);
