import type { Bucket } from '../../../tasks/artifacts/bucket.ts';
import type { Task } from '../../../tasks/task.ts';

export type ResultDeps = { artifacts: Pick<Bucket, 'presignDownload'> };

/** Lifetime of a download URL of a result. A client that needs a new URL requests the task again. */
const LINK_SECONDS = 900;

/** Returns a download URL for a result that is too large for the row. Valid for 15 minutes, for everybody who has the URL. */
export function resultLink(
  { artifacts }: ResultDeps,
  { id, artifact }: Pick<Task, 'id' | 'artifact'>,
): { result_url: string | null } {
  return {
    result_url: artifact ? artifacts.presignDownload(artifact.key, `${id}.json`, LINK_SECONDS) : null,
  };
}
