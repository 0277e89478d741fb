import { createHash } from 'node:crypto';
import type { Database } from '../../database/connect.ts';
import { Refusal, type RefusalCode } from '../../refusal.ts';
import { networkOf } from '../network.ts';
import * as store from '../store.ts';

/** Limits that an installation configures. Each limit applies to one client address, or to one /64 of IPv6. */
export type AddressLimits = {
  /** Logins and registrations within five minutes, successful or not: each of them costs a slow hash. */
  loginsPerAddress: number;
  /** Registrations within an hour. */
  registrationsPerAddress: number;
};

const ADDRESS_WINDOW_SECONDS = 300;
const REGISTRATION_WINDOW_SECONDS = 3_600;

/**
 * Maximum tries of one account from one address, until a try succeeds. A try is counted before its password is checked,
 * so that simultaneous guesses cannot exceed the limit. A correct login resets the count. The limit equals the number of
 * auth sandboxes of `prod`, so that correct logins that run at the same time are never refused.
 */
export const ACCOUNT_LIMIT = { tries: 20, windowSeconds: 900 } as const;

type LimitDeps = { db: Database; limits: AddressLimits };

/** Counts a login from an address. @throws Refusal `too_many_logins` */
export async function countLogin({ db, limits }: LimitDeps, address: string | undefined): Promise<void> {
  const counted = await store.countRequest(
    db,
    subjectOf('login', networkOf(address)),
    ADDRESS_WINDOW_SECONDS,
  );
  refuseBeyond(limits.loginsPerAddress, counted, TOO_MANY_LOGINS);
}

/** Counts a registration from an address. @throws Refusal `too_many_logins`, `too_many_registrations` */
export async function countRegistration(deps: LimitDeps, address: string | undefined): Promise<void> {
  await countLogin(deps, address);
  const subject = subjectOf('registration', networkOf(address));
  const counted = await store.countRequest(deps.db, subject, REGISTRATION_WINDOW_SECONDS);
  refuseBeyond(deps.limits.registrationsPerAddress, counted, TOO_MANY_REGISTRATIONS);
}

/**
 * Counts a try of an account from an address. Each address has its own count, so an attacker cannot lock out the owner.
 *
 * @param account the account's name for limits, as `findAccount` returns it
 * @returns a function that resets the count
 * @throws Refusal `too_many_logins`
 */
export async function countTry(
  db: Database,
  account: Buffer,
  address: string | undefined,
): Promise<() => Promise<void>> {
  const subject = subjectOf('account', `${account.toString('hex')} ${networkOf(address)}`);
  const counted = await store.countRequest(db, subject, ACCOUNT_LIMIT.windowSeconds);
  refuseBeyond(ACCOUNT_LIMIT.tries, counted, TOO_MANY_LOGINS);
  return () => store.forgetRequests(db, subject);
}

const TOO_MANY_LOGINS = ['too_many_logins', 'Too many logins; try again later'] as const;
const TOO_MANY_REGISTRATIONS = [
  'too_many_registrations',
  'Too many registrations from your address; try again later',
] as const;

function refuseBeyond(
  limit: number,
  { requests, secondsLeft }: store.Counted,
  [code, detail]: readonly [code: RefusalCode<'too_many_requests'>, detail: string],
): void {
  if (requests <= limit) return;
  throw new Refusal('too_many_requests', code, detail, { retry_after_seconds: secondsLeft });
}

function subjectOf(purpose: string, of: string): Buffer {
  return createHash('sha256').update(`${purpose} ${of}`).digest();
}
