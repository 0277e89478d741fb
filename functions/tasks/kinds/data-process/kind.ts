import { defineKind } from '../../define-task.ts';
import { payload } from './payload/payload.ts';

/** Summarizes a table: counts, types, statistics per column and per group. */
export default defineKind({
  kind: 'data.process',
  label: 'Process data',
  description:
    'Summarizes a table of records, CSV or a file: counts, types and statistics of each column and group. Filters and sorts its rows.',
  example: { csv: 'city,sales\nParis,3\nRome,4', group_by: 'city' },
  form: {
    records: { input: 'json' },
    csv: { input: 'file' },
    where: { input: 'json' },
    output: { input: 'json' },
  },
  payload,
  limits: { soft: '45s', hard: '60s' },
  limitsWith: { artifact: { soft: '12m', hard: '13m' } },
  runs: { isolatedWith: ['records', 'csv', 'artifact'] },
});
