import { randomUUID } from 'node:crypto';
import { type CryptoKey, errors, jwtVerify, SignJWT } from 'jose';
import type { Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';

/** How long an access token is valid. A logout ends it sooner, as `enter()` looks the session up. */
export const ACCESS_TOKEN_SECONDS = 600;

/** The fully-specified name (RFC 9864); `EdDSA` would also admit Ed448. */
export const SIGNING_ALGORITHM = 'Ed25519';

const AUDIENCE = 'celeriac';
/** RFC 9068: a token of another type signed with the same key is not an access token. */
const TYPE = 'at+jwt';
/** Ours have about 500 characters; nothing longer is worth parsing. */
const MAX_LENGTH = 2048;

/** The public key of that id, if it is one of ours. */
export type FindVerificationKey = (kid: string) => Promise<CryptoKey | undefined>;

export type TokenVerification = { issuer: string; findKey: FindVerificationKey };

export type TokenSigning = { issuer: string; key: { kid: string; privateKey: CryptoKey } };

/** A JWT that names the principal and nothing else: rights are looked up, not carried along. */
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
 * Who an access token speaks for. Whether the session still lives is for `enter()` to say.
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

/** One wording for every token that is not good, so that the answer does not help to forge one. */
export function tokenNotValid(): Refusal {
  return new Refusal('unauthenticated', 'token_not_valid', 'Token is invalid or expired');
}
