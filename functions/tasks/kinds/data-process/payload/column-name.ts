import * as z from 'zod';
import { STORABLE } from '../../../../text-rules.ts';
import { MAX_COLUMN_NAME } from '../table/bounds.ts';

export const columnName = z.string().min(1).max(MAX_COLUMN_NAME).meta({ pattern: STORABLE.source });

export function allDifferent(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}
