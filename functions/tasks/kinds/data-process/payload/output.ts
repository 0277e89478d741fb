import * as z from 'zod';
import { ArtifactName } from '../../../artifacts/artifact.ts';
import { MAX_SORT_COLUMNS, MAX_SORTED_ROWS } from '../table/bounds.ts';
import { FORMATS } from '../table/formats.ts';
import { allDifferent, columnName } from './column-name.ts';

/** An artifact to write. */
export const output = z
  .strictObject({
    content: z
      .enum(['rows', 'columns', 'groups'])
      .optional()
      .describe(
        'The rows that meet the conditions (default), or the statistics of all columns, or of all groups.',
      ),
    format: z
      .enum(FORMATS)
      .describe('In `csv`, rows stand as they were given; in `ndjson` and `json`, as values.'),
    name: ArtifactName.optional().describe('Default: the content and the format, such as `rows.csv`.'),
    sort: z
      .array(
        z.strictObject({
          column: columnName,
          descending: z.boolean().optional().describe('Missing values come last either way.'),
        }),
      )
      .min(1)
      .max(MAX_SORT_COLUMNS)
      .refine((keys) => allDifferent(keys.map(({ column }) => column)), 'Must not name a column twice')
      .optional()
      .describe('Columns to sort rows by. Default: the order of the table.'),
    limit: z.int().min(1).max(MAX_SORTED_ROWS).optional().describe('Only so many rows.'),
  })
  .superRefine(({ content = 'rows', sort, limit }, issues) => {
    if (content === 'rows') return;
    for (const [name, value] of Object.entries({ sort, limit })) {
      if (value !== undefined)
        issues.addIssue({ code: 'custom', path: [name], message: 'Only for the content rows' });
    }
  });
