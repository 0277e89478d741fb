import type { PublicJwk } from '../public-key.ts';
import { readPublicKeys } from '../store.ts';
import type { SessionDeps } from './session.ts';

/**
 * Returns the published keys (RFC 7517). They are read from the table, so that all sandboxes give the same answer during
 * a rotation.
 */
export async function jwks({ db, keys }: Pick<SessionDeps, 'db' | 'keys'>): Promise<{ keys: PublicJwk[] }> {
  // Publishes the keys of this sandbox, if they are not published yet.
  await keys();
  const published = await readPublicKeys(db);
  return { keys: published.map(({ publicJwk }) => publicJwk) };
}
