import { memoryTaskArtifacts } from '../../../artifacts/testing/memory-task-artifacts.ts';
import type { TaskContext } from '../../../define-task.ts';
import { NO_INPUTS } from '../../../inputs/testing/no-inputs.ts';
import textProcess from '../run.ts';

type Given = Parameters<typeof memoryTaskArtifacts>[0];

/** Id of the first artifact of a test. */
export const FILE = '00000000-0000-7000-8000-000000000001';

/** Runs `text.process` on artifacts in memory. */
export async function perform(
  payload: object,
  { files, ...change }: Partial<TaskContext> & { files?: Given } = {},
) {
  const artifacts = memoryTaskArtifacts(files);
  const progress: [number, string | undefined][] = [];
  const result = await textProcess.perform(payload, {
    signal: new AbortController().signal,
    taskId: '0',
    attempt: 1,
    idempotencyKey: '0',
    deadline: new Date(),
    inputs: NO_INPUTS,
    fetch: () => Promise.reject(new Error('No network in this test')),
    artifacts,
    progress: (fraction, note) => void progress.push([fraction, note]),
    log() {},
    ...change,
  });
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the form of its result
  return { result: result as any, stored: artifacts.stored, progress };
}

/** Runs operations on an inline text. @returns the part of the result of each, and the text */
export async function operate(text: string, ...operations: object[]) {
  const { result, stored } = await perform({ source: { text }, operations });
  return { results: result.results, text: result.text, stored };
}
