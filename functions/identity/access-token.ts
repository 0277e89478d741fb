import { randomUUID } from 'node:crypto';
import { type CryptoKey, errors, jwtVerify, SignJWT } from 'jose';
import type { Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';

/** Lifetime of an access token. A logout ends it sooner, because `enter()` looks the session up. */
export const ACCESS_TOKEN_SECONDS = 600;

/** The fully specified algorithm name (RFC 9864). `EdDSA` would also allow Ed448. */
export const SIGNING_ALGORITHM = 'Ed25519';

const AUDIENCE = 'celeriac';
/** RFC 9068: a token of another type is not an access token, even when the same key signed it. */
const TYPE = 'at+jwt';
/** Our tokens have about 500 characters. Longer texts are not parsed. */
const MAX_LENGTH = 2048;

/** Finds the published public key with this id; undefined when there is none. */
export type FindVerificationKey = (kid: string) => Promise<CryptoKey | undefined>;

export type TokenVerification = { issuer: string; findKey: FindVerificationKey };

export type TokenSigning = { issuer: string; key: { kid: string; privateKey: CryptoKey } };

/** Returns a JWT that identifies the principal only. Rights are looked up for each request, not stored in the token. */
export function signAccessToken({ issuer, key }: TokenSigning, principal: Principal): Promise<string> {
  return new SignJWT({ sid: principal.sessionId })
    .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid: key.kid })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject(principal.userId)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${ACCESS_TOKEN_SECONDS}s`)
    .sign(key.privateKey);
}

/**
 * Returns the principal of an access token. Does not check that the session is still alive: `enter()` does.
 *
 * @throws Refusal `token_not_valid` for anything but an unexpired access token signed by us
 */
export async function verifyAccessToken(
  { issuer, findKey }: TokenVerification,
  token: string,
): Promise<Principal> {
  if (token.length > MAX_LENGTH) throw tokenNotValid();
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => (kid ? await findKey(kid) : undefined) ?? Promise.reject(tokenNotValid()),
      {
        algorithms: [SIGNING_ALGORITHM],
        typ: TYPE,
        issuer,
        audience: AUDIENCE,
        requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp'],
      },
    );
    return { userId: String(payload.sub), sessionId: String(payload.sid) };
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw tokenNotValid();
    throw cause;
  }
}

/**
 * Returns the refusal of an invalid token. All invalid tokens get the same message, so that the answer does not help to
 * forge one.
 */
export function tokenNotValid(): Refusal {
  return new Refusal('unauthenticated', 'token_not_valid', 'Token is invalid or expired');
}
