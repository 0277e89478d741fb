import { Refusal } from '../refusal.ts';
import type { Credentials } from './credentials.ts';
import { hashPassword, isOutdated, verifyPassword } from './password.ts';
import { type SessionDeps, startSession, type Tokens } from './session.ts';
import * as store from './store.ts';
import type { User } from './user.ts';

/**
 * After so many failures within the window, an account accepts no login until the window ends. Counted per account,
 * also for accounts that do not exist, so that the answer does not tell which do. Who is logged in stays so.
 *
 * Failures are counted after the password was checked: guesses under way at once may exceed the limit, by the number
 * of auth sandboxes, and many correct logins at once never do.
 */
export const THROTTLE = { failures: 10, windowSeconds: 900 } as const;

/**
 * Logs in by username or email.
 *
 * @throws Refusal `no_active_account`, the same for an unknown user and a wrong password, after the same work;
 *   `too_many_logins` with `retry_after_seconds`
 */
export async function login(
  deps: SessionDeps,
  { login: name, password }: Credentials,
): Promise<{ user: User } & Tokens> {
  const { account, user, passwordHash, failures, retryAfterSeconds } = await store.findAccount(deps.db, name);
  if (failures >= THROTTLE.failures) {
    throw new Refusal('too_many_requests', 'too_many_logins', 'Too many failed logins; try again later', {
      retry_after_seconds: retryAfterSeconds,
    });
  }
  const matches = await verifyPassword(passwordHash, password);
  if (!user || !passwordHash || !matches) {
    await store.countFailure(deps.db, account, THROTTLE.windowSeconds);
    throw new Refusal(
      'unauthenticated',
      'no_active_account',
      'No active account found with the given credentials',
    );
  }
  if (failures > 0) await store.forgetFailures(deps.db, account);
  if (isOutdated(passwordHash)) {
    await store.replacePasswordHash(deps.db, user.id, passwordHash, await hashPassword(password));
  }
  return { user, ...(await startSession(deps, deps.db, user.id)) };
}
