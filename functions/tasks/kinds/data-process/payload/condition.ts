import * as z from 'zod';
import { STORABLE } from '../../../../text-rules.ts';
import { MAX_CONDITION_TEXT, MAX_CONDITION_VALUES } from '../table/bounds.ts';
import { COMPARISONS } from '../table/conditions.ts';
import { columnName } from './column-name.ts';

const text = z.string().min(1).max(MAX_CONDITION_TEXT).meta({ pattern: STORABLE.source });
const value = z.union([text, z.number(), z.boolean()]);

/** A condition on one cell of a row. Its meaning stands at `rowFilter`, and in docs/kinds.md. */
export const condition = z.discriminatedUnion('op', [
  z.strictObject({ column: columnName, op: z.enum(['equals', 'not_equals']), value }),
  z.strictObject({ column: columnName, op: z.enum(COMPARISONS), value: z.union([text, z.number()]) }),
  z.strictObject({ column: columnName, op: z.enum(['contains', 'starts_with']), value: text }),
  z.strictObject({
    column: columnName,
    op: z.literal('in'),
    value: z.array(value).min(1).max(MAX_CONDITION_VALUES),
  }),
  z.strictObject({ column: columnName, op: z.enum(['missing', 'present']) }),
]);
