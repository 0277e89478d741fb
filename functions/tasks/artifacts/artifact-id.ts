import { Id } from '../../text-rules.ts';

/** Ids that the schemas of this module have seen since `withArtifactIds` began. */
let seen: Set<string> | undefined;

const ARTIFACT = Id.meta() ?? {};

/**
 * Returns the schema of an artifact's id, for any place in a payload. The artifact must be ready, and belong to the organization of
 * the task: this is checked when a task is created, and again when its handler opens the artifact.
 */
export function artifactId() {
  return Id.refine((id) => {
    if (Id.safeParse(id).success) seen?.add(id);
    return true;
  }).meta({ ...ARTIFACT, description: 'Id of an artifact of the organization that is ready' });
}

/**
 * Parses a payload, and returns the artifacts that it names.
 *
 * @param parse must be synchronous
 */
export function withArtifactIds<Parsed>(parse: () => Parsed): { parsed: Parsed; artifactIds: string[] } {
  const ids = new Set<string>();
  seen = ids;
  try {
    return { parsed: parse(), artifactIds: [...ids] };
  } finally {
    seen = undefined;
  }
}
