import type { AttemptArtifacts } from '../attempt-artifacts.ts';

/** Returns artifacts for attempts that use none. */
export const noArtifacts = (): AttemptArtifacts => ({
  ask: () => Promise.reject(new Error('no artifacts in this test')),
  keep: async () => {},
  discard: async () => {},
});
