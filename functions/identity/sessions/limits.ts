import { createHash } from 'node:crypto';
import type { Database } from '../../database/connect.ts';
import { Refusal, type RefusalCode } from '../../refusal.ts';
import { networkOf } from '../network.ts';
import * as store from '../store.ts';

/** Bounds that an installation chooses. Each counts for a client address; of IPv6 for a /64. */
export type AddressLimits = {
  /** Logins and registrations within five minutes, right or wrong: each of them costs a slow hash. */
  loginsPerAddress: number;
  /** Registrations within an hour. */
  registrationsPerAddress: number;
};

const ADDRESS_WINDOW_SECONDS = 300;
const REGISTRATION_WINDOW_SECONDS = 3_600;

/**
 * Tries of one account from one address, until one succeeds. An attempt counts before its password is checked, so guesses under way
 * at once do not exceed the limit. A correct login takes its count back. The limit is as many as the auth sandboxes of `prod`, so
 * that as many correct logins at once are never refused.
 */
export const ACCOUNT_LIMIT = { tries: 20, windowSeconds: 900 } as const;

type LimitDeps = { db: Database; limits: AddressLimits };

/** @throws Refusal `too_many_logins` */
export async function countLogin({ db, limits }: LimitDeps, address: string | undefined): Promise<void> {
  const counted = await store.countRequest(
    db,
    subjectOf('login', networkOf(address)),
    ADDRESS_WINDOW_SECONDS,
  );
  refuseBeyond(limits.loginsPerAddress, counted, TOO_MANY_LOGINS);
}

/** @throws Refusal `too_many_logins`, `too_many_registrations` */
export async function countRegistration(deps: LimitDeps, address: string | undefined): Promise<void> {
  await countLogin(deps, address);
  const subject = subjectOf('registration', networkOf(address));
  const counted = await store.countRequest(deps.db, subject, REGISTRATION_WINDOW_SECONDS);
  refuseBeyond(deps.limits.registrationsPerAddress, counted, TOO_MANY_REGISTRATIONS);
}

/**
 * Counts a try of an account from an address. Another address has a count of its own, so nobody locks out the owner.
 *
 * @param account as `findAccount` names it
 * @returns takes the try back, with all tries before it
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
