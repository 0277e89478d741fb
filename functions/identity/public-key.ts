/** A verification key as it is stored and published (RFC 8037). */
export type PublicJwk = { kid: string; kty: string; crv: string; x: string; alg: string; use: string };

export type PublicKey = { kid: string; publicJwk: PublicJwk };
