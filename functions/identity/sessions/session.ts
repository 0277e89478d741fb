import { v7 as uuidv7 } from 'uuid';
import type { Database, Transaction } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import { signAccessToken } from '../access-token.ts';
import type { Keys } from '../keys/derived-keys.ts';
import { hashRefreshToken, newRefreshToken } from '../refresh-token.ts';
import { insertSession } from '../store.ts';

/** The member names of Django's simplejwt. */
export type Tokens = { access: string; refresh: string };

export type SessionDeps = {
  db: Database;
  issuer: string;
  /** Derives and publishes the keys at its first call in a sandbox. */
  keys: () => Promise<Keys>;
};

/** Starts a session of a user who has been authenticated. */
export async function startSession(
  { issuer, keys }: SessionDeps,
  on: Database | Transaction,
  userId: string,
): Promise<Tokens> {
  const principal = { userId, sessionId: uuidv7() };
  const refresh = newRefreshToken();
  await insertSession(on, principal, hashRefreshToken(refresh));
  return { access: await accessToken({ issuer, keys }, principal), refresh };
}

export async function accessToken(
  { issuer, keys }: Pick<SessionDeps, 'issuer' | 'keys'>,
  principal: Principal,
): Promise<string> {
  return signAccessToken({ issuer, key: (await keys()).signing }, principal);
}
