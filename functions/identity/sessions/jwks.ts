import type { PublicJwk } from '../public-key.ts';
import { readPublicKeys } from '../store.ts';
import type { SessionDeps } from './session.ts';

/** The published keys (RFC 7517). From the table, so that sandboxes on both sides of a rotation answer alike. */
export async function jwks({ db, keys }: Pick<SessionDeps, 'db' | 'keys'>): Promise<{ keys: PublicJwk[] }> {
  // Publishes those of this sandbox, if it has not done so yet.
  await keys();
  const published = await readPublicKeys(db);
  return { keys: published.map(({ publicJwk }) => publicJwk) };
}
