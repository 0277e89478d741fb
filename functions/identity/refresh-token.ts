import { createHash, createHmac, randomBytes } from 'node:crypto';

/** Of one token, from its issue. */
export const REFRESH_TOKEN_DAYS = 14;
/** Of a session, from its login, however often it is refreshed. */
export const SESSION_DAYS = 90;
/** How long a used token still answers with the successor that it was given: for two tabs, and for a lost answer. */
export const GRACE_SECONDS = 10;

/** The first token of a session: 256 random bits. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * The token that replaces `token`. Only hashes are stored, so the grace could not return the same successor twice if
 * it were random; made from its predecessor by a key that only the auth function can derive, it can be computed again,
 * and is as hard to guess as the key.
 *
 * @param key 256 bits, see `deriveKeys`
 */
export function successorOf(token: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(token).digest('base64url');
}

/** What is stored of a token. Without salt, as 256 random bits have no dictionary. */
export function hashRefreshToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
