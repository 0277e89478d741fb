import { createHash, createHmac, randomBytes } from 'node:crypto';

/** Lifetime of one refresh token, from its issue. */
export const REFRESH_TOKEN_DAYS = 14;
/** Lifetime of a session, from its login. Refreshing does not extend it. */
export const SESSION_DAYS = 90;
/** Time in which a used token still answers with the same successor: for two tabs, and for a lost answer. */
export const GRACE_SECONDS = 10;

/** Returns the first token of a session: 256 random bits. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Returns the token that replaces `token`. Only hashes are stored, so a random successor could not be returned twice
 * during the grace period. A successor that is derived from its predecessor can be computed again. Only the auth function
 * can derive the key, and the successor is as hard to guess as the key.
 *
 * @param key 256 bits, see `deriveKeys`
 */
export function successorOf(token: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(token).digest('base64url');
}

/** Returns the stored form of a token. It needs no salt, because a dictionary cannot list 256 random bits. */
export function hashRefreshToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
