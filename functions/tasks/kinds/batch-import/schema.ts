import * as z from 'zod';
import { JsonText } from '../../../exact-json/json-text.ts';
import { defineKind } from '../../define-task.ts';
import { QUEUES } from '../../task.ts';

export const IMPORT_FORMATS = ['ndjson', 'csv'] as const;

/** The import as the API stored it. The organization is the one of the task's row. */
const payload = z.strictObject({
  batch: z.uuid(),
  upload: z.uuid(),
  format: z.enum(IMPORT_FORMATS),
  queue: z.enum(QUEUES),
  /** An object with defaults for absent fields of a line. */
  defaults: z.unknown().transform((defaults) => JsonText.of(defaults)),
  partial: z.boolean(),
});

export type ImportPayload = z.output<typeof payload>;

/**
 * `batch.import`: creates tasks from the lines of an upload. Only `POST /api/batches/import/` creates such a task. A further
 * attempt continues where the last one stopped, so the limit bounds an attempt and not the import.
 */
export const batchImport = defineKind({
  kind: 'batch.import',
  payload,
  limits: { soft: '10m', hard: '11m' },
  retry: { maxRetries: 10 },
  // It uses ports that no isolated handler has, and it yields to the event loop after every chunk.
  runs: 'inline',
  verbatim: ['defaults'],
});
