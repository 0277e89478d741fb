import { v7 as uuidv7 } from 'uuid';
import { recordIdentityEvent } from '../../audit/record.ts';
import type { Transaction } from '../../database/connect.ts';
import { retryOnConflict } from '../../database/retry-on-conflict.ts';
import { type FieldError, Refusal } from '../../refusal.ts';
import type { Registration } from '../credentials.ts';
import { hashPassword } from '../password.ts';
import { demandUncommon } from '../password-rules.ts';
import * as store from '../store.ts';
import type { User } from '../user.ts';
import { countRegistration } from './limits.ts';
import type { LoginDeps } from './login.ts';
import { startSession, type Tokens } from './session.ts';

/**
 * Creates a user with a personal organization and logs in, or does nothing at all. Without a username, the email becomes
 * the username.
 *
 * @param address address of the client
 * @throws Refusal `invalid_request` for a password that is easy to guess; `already_taken`, naming the fields;
 *   `too_many_logins`, `too_many_registrations`
 */
export async function register(
  deps: LoginDeps,
  { email, password, username = email, name }: Registration,
  address: string | undefined,
): Promise<{ user: User } & Tokens> {
  await demandUncommon(password);
  await countRegistration(deps, address);
  const passwordHash = await hashPassword(password);
  // Before the transaction, because publishing the keys needs this sandbox's only connection.
  await deps.keys();
  const transaction = async (tx: Transaction) => {
    const user = await store.insertUser(tx, { id: uuidv7(), email, username, name, passwordHash });
    if (!user) throw alreadyTaken(await store.whichIsTaken(tx, { email, username }));
    await store.createPersonalOrganization(tx, {
      id: uuidv7(),
      ownerId: user.id,
      name: personalName(username),
    });
    await recordIdentityEvent(tx, { action: 'user.registered', userId: user.id, address });
    return { user, ...(await startSession(deps, tx, user.id)) };
  };
  return retryOnConflict(() => deps.db.begin(transaction));
}

/** Returns `ada's organization`, also for the username ada@example.org. At most 200 characters, like every name. */
function personalName(username: string): string {
  return `${username.replace(/@.*/, '').slice(0, 180)}'s organization`;
}

const TAKEN: Record<'email' | 'username', FieldError> = {
  email: { in: 'body', pointer: '/email', detail: 'A user with that email already exists' },
  username: { in: 'body', pointer: '/username', detail: 'A user with that username already exists' },
};

function alreadyTaken(names: readonly ('email' | 'username')[]): Refusal {
  const fields = names.map((name) => TAKEN[name]);
  const detail = fields.map((field) => field.detail).join('; ');
  return new Refusal('conflict', 'already_taken', detail || 'That user already exists', {}, fields);
}
