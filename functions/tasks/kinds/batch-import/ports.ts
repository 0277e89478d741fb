import type { JsonText } from '../../../exact-json/json-text.ts';
import type { FieldError } from '../../../refusal.ts';
import type { TaskRequest } from '../../new-task.ts';
import type { Queue } from '../../task.ts';
import type { LineError } from './line-errors.ts';

/** The import that a running attempt carries out. The organization is the one of the import task's row. */
export type ImportJob = {
  taskId: string;
  /** The fence: this attempt writes nothing more after another attempt has begun, or after a cancel was requested. */
  attempt: number;
  organizationId: string;
  createdBy: string | null;
  /** True when the user who asked for the import may still create tasks in the organization. */
  mayWrite: boolean;
  /** The upload's ETag when its import was asked for; null for an import from before ETags were kept. */
  etag: string | null;
  batchId: string;
  /** The last line that an earlier attempt has written; 0 for none. Every earlier line was written or left out. */
  written: number;
};

/** An import that an earlier attempt completed but could not report. `created` is the number of tasks in the batch. */
export type ImportEnd = { created: number };

/**
 * A line of the upload: a task with its payload as written, or a fault of the line. A fault may have the pointer of its field.
 */
export type ImportLine =
  | { line: number; item: unknown; payload: JsonText | undefined }
  | { line: number; fault: string; pointer?: string };

export type ImportPorts = {
  /** Undefined when this attempt no longer has the import. */
  begin: (taskId: string, attempt: number, batchId: string) => Promise<ImportJob | ImportEnd | undefined>;
  /**
   * Opens the upload, with its length in bytes; undefined when it is missing or no longer there.
   *
   * @throws PermanentError `upload_replaced` when it is another upload than the requested one
   */
  open: (
    job: ImportJob,
    uploadId: string,
    signal: AbortSignal,
  ) => Promise<{ bytes: number; content: AsyncIterable<Uint8Array> } | undefined>;
  /** Returns a task as it is to be written, or every rule that it breaks. */
  read: (
    item: unknown,
    queue: Queue,
    payload: JsonText | undefined,
  ) => TaskRequest | { errors: readonly FieldError[] };
  /** Returns the unique keys that live tasks outside this batch have. */
  takenUniqueKeys: (job: ImportJob, keys: readonly string[]) => Promise<string[]>;
  /** Returns the lines whose task cannot wait for a dependency, with the reason: it does not exist, or it will not complete. */
  unmet: (
    job: ImportJob,
    lines: readonly { line: number; request: TaskRequest }[],
  ) => Promise<ReadonlyMap<number, readonly LineError[]>>;
  /**
   * Writes tasks with their lines' ids.
   *
   * @returns the lines that were left out, with the reason: their unique key is taken, or they can no longer wait
   * @throws when the attempt has lost the import; PermanentError `import_forbidden` when its user may no longer write there
   */
  insert: (
    job: ImportJob,
    lines: readonly { line: number; request: TaskRequest }[],
  ) => Promise<ReadonlyMap<number, readonly LineError[]>>;
  /** Returns the lines that have no task. */
  missing: (job: ImportJob, lines: readonly number[]) => Promise<ReadonlySet<number>>;
  /**
   * Declares that the batch gets no more tasks.
   *
   * @param lastLine of the upload, when all are written
   * @returns the number of the batch's tasks
   */
  seal: (job: ImportJob, lastLine?: number) => Promise<number>;
  /** Stores the report on bad lines. */
  report: (job: ImportJob, ndjson: string) => Promise<void>;
  /** Removes the upload, which is no longer needed. */
  discard: (job: ImportJob, uploadId: string) => Promise<void>;
};
