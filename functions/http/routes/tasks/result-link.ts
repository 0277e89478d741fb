import type { Artifacts } from '../../../tasks/artifacts.ts';
import type { Task } from '../../../tasks/task.ts';

export type ResultDeps = { artifacts: Pick<Artifacts, 'presignDownload'> };

/** Seconds that an address of a result lives; whoever needs another one asks again. */
const LINK_SECONDS = 900;

/** Where a result is to be had that is too large for the row: an address for everybody who has it, for a quarter of an hour. */
export function resultLink(
  { artifacts }: ResultDeps,
  { id, artifact }: Pick<Task, 'id' | 'artifact'>,
): { result_url: string | null } {
  return {
    result_url: artifact ? artifacts.presignDownload(artifact.key, `${id}.json`, LINK_SECONDS) : null,
  };
}
