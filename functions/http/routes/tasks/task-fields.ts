import type * as z from 'zod';
import type { LargeColumns } from '../../../tasks/queries/tasks.ts';
import { ExplainedTask, TaskWithPayload } from './task-view.ts';

type Field = keyof z.infer<typeof TaskWithPayload>;
type FieldOfOne = keyof z.infer<typeof ExplainedTask>;

/** Fields that `fields=` may name in a list. */
export const FIELDS = TaskWithPayload.keyof().options;

/** Fields that `fields=` may name for one task. */
export const FIELDS_OF_ONE = ExplainedTask.keyof().options;

/** Fields that may be large: a row of a list contains them only on request. */
const LARGE = ['description', 'payload', 'result', 'error'] as const satisfies readonly Field[];

export const ROW_FIELDS: readonly Field[] = FIELDS.filter((field) => !LARGE.some((large) => large === field));

/** Returns the columns that a view of these fields needs. */
export function columnsFor(fields: readonly FieldOfOne[]): LargeColumns {
  return {
    description: fields.includes('description'),
    payload: fields.includes('payload'),
    result: fields.includes('result'),
    errorDetails: fields.includes('error'),
  };
}

/** Returns the view with the given fields and its id only. */
export function onlyFields<View extends { id: string }>(
  view: View,
  fields: readonly (keyof View)[],
): Partial<View> & Pick<View, 'id'> {
  const picked: Partial<View> = {};
  for (const field of fields) picked[field] = view[field];
  return { id: view.id, ...picked };
}
