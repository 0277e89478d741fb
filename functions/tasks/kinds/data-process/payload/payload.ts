import * as z from 'zod';
import { textFault } from '../../../../json-fault.ts';
import { SAYS_SOMETHING, STORABLE } from '../../../../text-rules.ts';
import { artifactId } from '../../../artifacts/artifact-id.ts';
import {
  MAX_COLUMN_NAME,
  MAX_COLUMNS,
  MAX_CONDITIONS,
  MAX_CSV_BYTES,
  MAX_GROUP_COLUMNS,
  MAX_RECORDS,
} from '../table/bounds.ts';
import type { FlatRecord } from '../table/cell.ts';
import { FORMATS } from '../table/formats.ts';
import { checkRecords } from './check-records.ts';
import { allDifferent, columnName } from './column-name.ts';
import { condition } from './condition.ts';
import { output } from './output.ts';

/** JSON Schema of one record, as `checkRecords` allows it. All records together have at most 200 columns. */
const RECORD = {
  type: 'object',
  maxProperties: MAX_COLUMNS,
  propertyNames: { maxLength: MAX_COLUMN_NAME, pattern: SAYS_SOMETHING.source, not: { const: '__proto__' } },
  additionalProperties: { type: ['string', 'number', 'boolean', 'null'], pattern: STORABLE.source },
};

/** Members that hold a table. A payload has one of them, or none. */
const TABLES = ['records', 'csv', 'artifact'] as const;

/** Members that say what to do with a table. */
const WISHES = ['where', 'group_by', 'columns', 'output'] as const;

/** The tables with which a member may stand. */
const GO_WITH: Readonly<Record<string, readonly (typeof TABLES)[number][]>> = {
  delimiter: ['csv', 'artifact'],
  format: ['artifact'],
  malformed: ['artifact'],
  ...Object.fromEntries(WISHES.map((wish) => [wish, TABLES])),
};

/** Returns the members that must be absent beside a table, as JSON Schema. */
function without(table: (typeof TABLES)[number] | undefined): Record<string, false> {
  const others = TABLES.filter((other) => other !== table);
  const misplaced = Object.keys(GO_WITH).filter((name) => !table || !GO_WITH[name]?.includes(table));
  return Object.fromEntries([...others, ...misplaced].map((name) => [name, false] as const));
}

/**
 * Payload of `data.process`. Records are checked by hand and passed on unchanged, because zod's own record type drops a column
 * named `__proto__`.
 */
export const payload = z
  .strictObject({
    records: z
      .array(z.unknown())
      .max(MAX_RECORDS)
      .superRefine(checkRecords)
      .meta({ items: RECORD })
      .transform((records) => records as readonly FlatRecord[])
      .optional()
      .describe('Flat objects: column → string, number, boolean or null.'),
    csv: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= MAX_CSV_BYTES, 'Must be at most 1 MiB of UTF-8')
      .superRefine((text, issues) => {
        const fault = textFault(text);
        if (fault !== undefined) issues.addIssue({ code: 'custom', message: fault });
      })
      .meta({ pattern: STORABLE.source })
      .optional()
      .describe('CSV text (RFC 4180) whose first row names the columns.'),
    artifact: artifactId()
      .optional()
      .describe('Id of a file: CSV, NDJSON or a JSON array of flat objects, in UTF-8, also packed by gzip.'),
    format: z
      .enum(FORMATS)
      .optional()
      .describe('Format of `artifact`. Default: what its media type or name tells.'),
    malformed: z
      .enum(['refuse', 'skip'])
      .optional()
      .describe(
        'Rows of `artifact` that are malformed: the first one fails the task (default), or all are left out and counted.',
      ),
    delimiter: z
      .enum([',', ';', '\t', '|'])
      .optional()
      .describe('Separator between the fields of CSV. Default: a comma; a tab for a `.tsv` file.'),
    where: z
      .array(condition)
      .min(1)
      .max(MAX_CONDITIONS)
      .optional()
      .describe('Only rows that meet all of these conditions.'),
    group_by: z
      .union([
        columnName.transform((name) => [name]),
        z.array(columnName).min(1).max(MAX_GROUP_COLUMNS).meta({ uniqueItems: true }),
      ])
      .refine(allDifferent, 'Must not name a column twice')
      .optional()
      .describe('One to three columns to group by.'),
    columns: z
      .array(columnName)
      .min(1)
      .max(MAX_COLUMNS)
      .refine(allDifferent, 'Must not name a column twice')
      .meta({ uniqueItems: true })
      .optional()
      .describe('Only these columns.'),
    output: output.optional().describe('Also write an artifact.'),
  })
  .superRefine((given, issues) => {
    const refuse = (path: string[], message: string) => issues.addIssue({ code: 'custom', path, message });
    const [table, second] = TABLES.filter((name) => given[name] !== undefined);
    if (second !== undefined) refuse([second], `Give either ${table} or ${second}, not both`);
    for (const [name, tables] of Object.entries(GO_WITH)) {
      const isGiven = given[name as keyof typeof given] !== undefined;
      if (isGiven && !(table && tables.includes(table)))
        refuse([name], `Only together with ${tables.join(' or ')}`);
    }
    if (given.delimiter !== undefined && given.format !== undefined && given.format !== 'csv')
      refuse(['delimiter'], 'Only for CSV');
    if (given.output?.content === 'groups' && given.group_by === undefined)
      refuse(['output', 'content'], 'Only together with group_by');
  })
  .meta({
    oneOf: [
      { title: 'Records', properties: without('records'), required: ['records'] },
      { title: 'CSV', properties: without('csv'), required: ['csv'] },
      { title: 'A file', properties: without('artifact'), required: ['artifact'] },
      { title: 'Nothing', properties: without(undefined) },
    ],
  })
  .prefault({});
