import { RetryError } from '../define-task.ts';
import { MAX_ROW_BYTES } from '../result.ts';
import type { Artifact, Task } from '../task.ts';

/** Puts a text into the artifacts bucket. */
export type PutArtifact = (key: string, content: string, contentType: string) => Promise<void>;

/** A result in an outcome: the result itself, or its place in the bucket. */
export type StoredResult = { result: unknown; artifact?: Artifact };

/**
 * Puts a result that is too large for the row into the bucket.
 *
 * The key names the attempt, so that a worker that has lost its lease cannot overwrite its successor's result. A rule of the
 * bucket removes the object that such a worker leaves.
 *
 * @param text the result's JSON
 * @throws RetryError `result_not_stored` when the bucket does not accept it
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
