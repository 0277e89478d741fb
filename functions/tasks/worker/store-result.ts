import { RetryError } from '../define-task.ts';
import { MAX_ROW_BYTES } from '../result.ts';
import type { Artifact, Task } from '../task.ts';

/** Puts a text into the artifacts bucket. */
export type PutArtifact = (key: string, content: string, contentType: string) => Promise<void>;

/** A result as an outcome carries it: itself, or where it lies. */
export type StoredResult = { result: unknown; artifact?: Artifact };

/**
 * Puts a result that is too large for the row into the bucket.
 *
 * The key names the attempt: a worker that has lost its lease cannot write over what its successor has stored. What it
 * leaves there itself goes by the bucket's own rule.
 *
 * @param text the result's JSON
 * @throws RetryError `result_not_stored` when the bucket does not take it
 */
export async function storeResult(
  putArtifact: PutArtifact,
  { id, organizationId, attempt }: Pick<Task, 'id' | 'organizationId' | 'attempt'>,
  text: string,
): Promise<StoredResult> {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_ROW_BYTES) return { result: JSON.parse(text) };
  const key = `results/${organizationId}/${id}/${attempt}.json`;
  try {
    await putArtifact(key, text, 'application/json');
  } catch (cause) {
    throw new RetryError('result_not_stored', `The result of ${bytes} bytes could not be stored`, { cause });
  }
  return { result: null, artifact: { key, bytes } };
}
