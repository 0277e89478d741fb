import type { StoredArtifact } from '../../../task-artifacts.ts';

/** Returns an artifact as results show it. */
export function storedFile({ id, name, mediaType, bytes, sha256 }: StoredArtifact) {
  return { id, name, media_type: mediaType, bytes, sha256 };
}
