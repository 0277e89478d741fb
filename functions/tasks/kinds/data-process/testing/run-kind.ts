import { memoryTaskArtifacts } from '../../../artifacts/testing/memory-task-artifacts.ts';
import type { TaskContext } from '../../../define-task.ts';
import { NO_INPUTS } from '../../../inputs/testing/no-inputs.ts';
import type { DataProcessResult } from '../output/bounded-result.ts';
import dataProcess from '../run.ts';

export const FILE = '01990000-0000-7000-8000-000000000000';

type Given = { content: string | Uint8Array; name?: string; mediaType?: string };

const context: Omit<TaskContext, 'artifacts'> = {
  signal: new AbortController().signal,
  taskId: '0',
  attempt: 1,
  idempotencyKey: '0',
  deadline: new Date(),
  inputs: NO_INPUTS,
  fetch: () => Promise.reject(new Error('No network in this kind')),
  progress() {},
  log() {},
};

/** Runs the kind on a file, and returns the result with the text of the artifact that it has written. */
export async function runOnFile(
  { content, name = 'table.csv', mediaType = 'application/octet-stream' }: Given,
  payload: object = {},
  change: Partial<TaskContext> = {},
): Promise<{ result: DataProcessResult; written: string | undefined }> {
  const artifacts = memoryTaskArtifacts({ [FILE]: { name, mediaType, content } });
  const result = await dataProcess.perform(
    { artifact: FILE, ...payload },
    { ...context, artifacts, ...change },
  );
  return { result, written: artifacts.stored[0]?.content.toString() };
}

/** Runs the kind on a table in the payload. */
export const runInline = (payload: unknown, change: Partial<TaskContext> = {}): Promise<DataProcessResult> =>
  dataProcess.perform(payload, { ...context, artifacts: memoryTaskArtifacts(), ...change });
