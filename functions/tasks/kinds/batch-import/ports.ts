import type { JsonText } from '../../../exact-json/json-text.ts';
import type { FieldError } from '../../../refusal.ts';
import type { TaskRequest } from '../../new-task.ts';
import type { Queue } from '../../task.ts';
import type { LineError } from './line-errors.ts';

/** The import that a running attempt carries out; the organization is its row's. */
export type ImportJob = {
  taskId: string;
  /** The fence: when another attempt has begun, or a cancel was asked for, this one writes nothing more. */
  attempt: number;
  organizationId: string;
  createdBy: string | null;
  /** Whoever asked for the import may still create tasks in the organization. */
  mayWrite: boolean;
  /** The upload's ETag when its import was asked for; null for an import from before ETags were kept. */
  etag: string | null;
  batchId: string;
  /** The last line that an attempt before this one has written; 0 for none. Those before it were written, or left out. */
  written: number;
};

/** An import that an attempt before has brought to its end, and could not say so any more; the batch has so many tasks. */
export type ImportEnd = { created: number };

/** A line of the upload, as a task with its payload as it was written, or as what is wrong with it, or with the field that `pointer` leads to. */
export type ImportLine =
  | { line: number; item: unknown; payload: JsonText | undefined }
  | { line: number; fault: string; pointer?: string };

export type ImportPorts = {
  /** Undefined when this attempt no longer has the import. */
  begin: (taskId: string, attempt: number, batchId: string) => Promise<ImportJob | ImportEnd | undefined>;
  /**
   * The upload and its length in bytes; undefined when it is not there, or no longer.
   *
   * @throws PermanentError `upload_replaced` when it is not the one whose import was asked for
   */
  open: (
    job: ImportJob,
    uploadId: string,
    signal: AbortSignal,
  ) => Promise<{ bytes: number; content: AsyncIterable<Uint8Array> } | undefined>;
  /** A task as it is to be written, or every rule that it breaks. */
  read: (
    item: unknown,
    queue: Queue,
    payload: JsonText | undefined,
  ) => TaskRequest | { errors: readonly FieldError[] };
  /** Which of these unique keys live tasks have that are not of this batch. */
  takenUniqueKeys: (job: ImportJob, keys: readonly string[]) => Promise<string[]>;
  /** Lines whose task cannot wait for what it depends on, and why: that is not there, or will not complete. */
  unmet: (
    job: ImportJob,
    lines: readonly { line: number; request: TaskRequest }[],
  ) => Promise<ReadonlyMap<number, readonly LineError[]>>;
  /**
   * Writes tasks with their lines' ids.
   *
   * @returns the lines that were left out, and why: somebody has taken their unique key, or they cannot wait any more
   * @throws when the job is lost; PermanentError `import_forbidden` when its user may no longer write there
   */
  insert: (
    job: ImportJob,
    lines: readonly { line: number; request: TaskRequest }[],
  ) => Promise<ReadonlyMap<number, readonly LineError[]>>;
  /** Which of these lines have no task. */
  missing: (job: ImportJob, lines: readonly number[]) => Promise<ReadonlySet<number>>;
  /** Says that the batch gets no more tasks. @param lastLine of the upload, when all are written @returns how many it has */
  seal: (job: ImportJob, lastLine?: number) => Promise<number>;
  /** Stores what was wrong with the lines. */
  report: (job: ImportJob, ndjson: string) => Promise<void>;
  /** The upload is not needed any more. */
  discard: (job: ImportJob, uploadId: string) => Promise<void>;
};
