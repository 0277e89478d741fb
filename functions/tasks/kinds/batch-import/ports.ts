import type { FieldError } from '../../../refusal.ts';
import type { TaskRequest } from '../../create.ts';
import type { Queue } from '../../task.ts';

/** The import that a running attempt carries out; the organization is its row's. */
export type ImportJob = {
  taskId: string;
  /** The fence: when another attempt has begun, or a cancel was asked for, this one writes nothing more. */
  attempt: number;
  organizationId: string;
  createdBy: string | null;
  batchId: string;
};

/** A line of the upload, as a task or as what is wrong with it, or with the field that `pointer` leads to. */
export type ImportLine = { line: number; item: unknown } | { line: number; fault: string; pointer?: string };

export type ImportPorts = {
  /** Undefined when this attempt no longer has the import, or when its batch is complete. */
  begin: (taskId: string, attempt: number, batchId: string) => Promise<ImportJob | undefined>;
  /** The upload and its length in bytes; undefined when it is not there, or no longer. */
  open: (
    job: ImportJob,
    uploadId: string,
    signal: AbortSignal,
  ) => Promise<{ bytes: number; content: AsyncIterable<Uint8Array> } | undefined>;
  /** A task as it is to be written, or every rule that it breaks. */
  read: (item: unknown, queue: Queue) => TaskRequest | { errors: readonly FieldError[] };
  /** Which of these unique keys live tasks have that are not of this batch. */
  takenKeys: (job: ImportJob, keys: readonly string[]) => Promise<string[]>;
  /** Writes tasks with their lines' ids. Lines that were written before stay as they are. @throws when the job is lost */
  insert: (job: ImportJob, lines: readonly { line: number; request: TaskRequest }[]) => Promise<void>;
  /** Says that the batch has all of its tasks. @returns how many */
  seal: (job: ImportJob) => Promise<number>;
  /** Stores what was wrong with the lines. */
  report: (job: ImportJob, ndjson: string) => Promise<void>;
  /** The upload is not needed any more. */
  discard: (job: ImportJob, uploadId: string) => Promise<void>;
};
