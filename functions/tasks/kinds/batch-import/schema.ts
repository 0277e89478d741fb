import * as z from 'zod';
import { JsonText } from '../../../exact-json/json-text.ts';
import { defineKind } from '../../define-task.ts';
import { QUEUES } from '../../task.ts';

export const IMPORT_FORMATS = ['ndjson', 'csv'] as const;

/** What the API wrote down of an import. Which organization it is for, the row says. */
const payload = z.strictObject({
  batch: z.uuid(),
  upload: z.uuid(),
  format: z.enum(IMPORT_FORMATS),
  queue: z.enum(QUEUES),
  /** What a line does not say itself: an object. */
  defaults: z.unknown().transform((defaults) => JsonText.of(defaults)),
  partial: z.boolean(),
});

export type ImportPayload = z.output<typeof payload>;

/**
 * `batch.import`: makes tasks of the lines of an upload. Nobody creates one but `POST /api/batches/import/`. It goes on
 * where it was when it is run again, so that its limit bounds an attempt and not the import.
 */
export const batchImport = defineKind({
  kind: 'batch.import',
  payload,
  limits: { soft: '10m', hard: '11m' },
  retry: { maxRetries: 10 },
  // It works for the engine, by ports that no isolated handler has, and gives way after every chunk.
  runs: 'inline',
  verbatim: ['defaults'],
});
