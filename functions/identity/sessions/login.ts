import { recordIdentityEvent } from '../../audit/record.ts';
import { Refusal } from '../../refusal.ts';
import type { Credentials } from '../credentials.ts';
import { hashPassword, isOutdated, verifyPassword } from '../password.ts';
import * as store from '../store.ts';
import type { User } from '../user.ts';
import { type AddressLimits, countLogin, countTry } from './limits.ts';
import { type SessionDeps, startSession, type Tokens } from './session.ts';

export type LoginDeps = SessionDeps & { limits: AddressLimits };

/**
 * Logs in by username or email. The limits refuse new logins only; they do not end sessions.
 *
 * @param address address of the client
 * @throws Refusal `no_active_account`, the same for an unknown user and a wrong password, after the same work;
 *   `too_many_logins` with `retry_after_seconds`, before that work
 */
export async function login(
  deps: LoginDeps,
  { login: name, password }: Credentials,
  address: string | undefined,
): Promise<{ user: User } & Tokens> {
  await countLogin(deps, address);
  const { account, user, passwordHash } = await store.findAccount(deps.db, name);
  const takeBack = await countTry(deps.db, account, address);
  const matches = await verifyPassword(passwordHash, password);
  if (!user || !passwordHash || !matches) {
    await recordIdentityEvent(deps.db, { action: 'session.refused', userId: user?.id ?? null, address });
    throw new Refusal(
      'unauthenticated',
      'no_active_account',
      'No active account found with the given credentials',
    );
  }
  await takeBack();
  if (isOutdated(passwordHash)) {
    await store.replacePasswordHash(deps.db, {
      userId: user.id,
      oldHash: passwordHash,
      newHash: await hashPassword(password),
    });
  }
  const tokens = await startSession(deps, deps.db, user.id);
  await recordIdentityEvent(deps.db, { action: 'session.started', userId: user.id, address });
  return { user, ...tokens };
}
