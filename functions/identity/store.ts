import type { Database, Transaction } from '../database/connect.ts';
import type { Principal, Role } from '../database/enter.ts';
import { retryOnConflict } from '../database/retry-on-conflict.ts';
import type { PublicKey } from './public-key.ts';
import { REFRESH_TOKEN_DAYS, SESSION_DAYS } from './refresh-token.ts';
import type { User } from './user.ts';

/*
 * Users, sessions, tokens and keys, within the rights of the auth function's role. Written without drizzle, because
 * drizzle's errors quote a statement's parameters, and these parameters are hashes of passwords and tokens.
 */

type On = Database | Transaction;

const DAY = '1 day';

const userColumnsSql = (on: On) => on`u.id, u.email, u.username, u.name, u.created_at as "createdAt"`;

/** Inserts a user. @returns undefined when the email or the username is taken */
export async function insertUser(
  on: On,
  { id, email, username, name, passwordHash }: Omit<User, 'createdAt'> & { passwordHash: string },
): Promise<User | undefined> {
  const [user] = await on<User[]>`
    insert into users as u (id, email, username, name, password_hash)
    values (${id}, ${email}, ${username}, ${name}, ${passwordHash})
    on conflict do nothing
    returning ${userColumnsSql(on)}`;
  return user;
}

export async function whichIsTaken(
  on: On,
  { email, username }: Pick<User, 'email' | 'username'>,
): Promise<('email' | 'username')[]> {
  const [taken] = await on<{ email: boolean; username: boolean }[]>`
    select exists (select from users where lower(email) = lower(${email})) as email,
      exists (select from users where lower(username) = lower(${username})) as username`;
  // A username that equals the email was given as the email or made from it. The caller can change only the email.
  if (taken?.email && email === username) return ['email'];
  return (['email', 'username'] as const).filter((field) => taken?.[field]);
}

export async function createPersonalOrganization(
  on: On,
  { id, ownerId, name }: { id: string; ownerId: string; name: string },
): Promise<void> {
  await on`select from create_organization(${id}, ${ownerId}, ${name}, true)`;
}

/** Inserts a session with its first refresh token. */
export async function insertSession(
  on: On,
  { userId, sessionId }: Principal,
  tokenHash: Buffer,
): Promise<void> {
  await on`
    with session as (
      insert into sessions (id, user_id, expires_at)
      values (${sessionId}, ${userId}, clock_timestamp() + ${SESSION_DAYS} * ${DAY}::interval)
      returning id
    )
    insert into refresh_tokens (token_hash, session_id, expires_at)
    select ${tokenHash}, id, clock_timestamp() + ${REFRESH_TOKEN_DAYS} * ${DAY}::interval from session`;
}

export type Account = {
  /** Identifies the account for the limits, also when the account does not exist. */
  account: Buffer;
  user: User | null;
  passwordHash: string | null;
};

/** Finds the account with this username or email. */
export async function findAccount(on: On, login: string): Promise<Account> {
  const [row] = await on<(User & Omit<Account, 'user'>)[]>`
    select ${userColumnsSql(on)}, u.password_hash as "passwordHash",
      sha256(convert_to(coalesce('user ' || u.id, 'login ' || given.login), 'UTF8')) as account
    from (select lower(${login}) as login) given
    left join users u on lower(u.email) = given.login or lower(u.username) = given.login`;
  if (!row) throw new Error('The query returned no row');
  const { account, passwordHash, ...user } = row;
  return { account, user: user.id === null ? null : user, passwordHash };
}

/** Requests of a subject in its current window, and the seconds until the window ends. */
export type Counted = { requests: number; secondsLeft: number };

/** Far above every limit, and below the largest integer. */
const MOST_REQUESTS = 1_000_000_000;

/** Counts one more request of a subject. The first request after the end of a window opens a new window. */
export async function countRequest(on: On, subject: Buffer, windowSeconds: number): Promise<Counted> {
  const [counted] = await on<Counted[]>`
    insert into request_counts as c (subject, requests, expires_at)
    values (${subject}, 1, clock_timestamp() + ${windowSeconds} * interval '1 second')
    on conflict (subject) do update set
      requests = case when c.expires_at > clock_timestamp() then least(c.requests + 1, ${MOST_REQUESTS}) else 1 end,
      expires_at = case when c.expires_at > clock_timestamp() then c.expires_at else excluded.expires_at end
    returning requests, greatest(1, ceil(extract(epoch from expires_at - clock_timestamp())))::int as "secondsLeft"`;
  if (!counted) throw new Error('The statement returned no count');
  return counted;
}

export async function forgetRequests(on: On, subject: Buffer): Promise<void> {
  await on`delete from request_counts where subject = ${subject}`;
}

/** Replaces a password hash. Does nothing when the password has been changed meanwhile. */
export async function replacePasswordHash(
  on: On,
  { userId, oldHash, newHash }: { userId: string; oldHash: string; newHash: string },
): Promise<void> {
  await on`update users set password_hash = ${newHash} where id = ${userId} and password_hash = ${oldHash}`;
}

/**
 * Uses up a refresh token and stores its successor in one statement. When two requests present the token at once, only
 * one gets a row.
 *
 * @returns undefined when the token is unknown, used or expired, or when its session has ended
 */
export async function rotate(
  on: On,
  tokenHash: Buffer,
  successorHash: Buffer,
): Promise<Principal | undefined> {
  const [rotated] = await on<Principal[]>`
    with used as (
      update refresh_tokens t set used_at = clock_timestamp()
      from sessions s
      where t.token_hash = ${tokenHash} and t.used_at is null and t.expires_at > clock_timestamp()
        and s.id = t.session_id and s.revoked_at is null and s.expires_at > clock_timestamp()
      returning s.id, s.user_id, s.expires_at
    ), successor as (
      insert into refresh_tokens (token_hash, session_id, expires_at)
      select ${successorHash}, id, least(expires_at, clock_timestamp() + ${REFRESH_TOKEN_DAYS} * ${DAY}::interval)
      from used
    )
    select user_id as "userId", id as "sessionId" from used`;
  return rotated;
}

export type UsedToken = Principal & { inGrace: boolean; successor: Buffer | null };

/** Finds a used refresh token and its successor, as long as its session lives. */
export async function findUsed(
  on: On,
  {
    tokenHash,
    candidates,
    graceSeconds,
  }: { tokenHash: Buffer; candidates: readonly Buffer[]; graceSeconds: number },
): Promise<UsedToken | undefined> {
  const hashes = candidates.map((hash) => hash.toString('hex'));
  const [used] = await on<UsedToken[]>`
    select s.user_id as "userId", s.id as "sessionId",
      t.used_at > clock_timestamp() - ${graceSeconds} * interval '1 second' as "inGrace",
      (select n.token_hash from refresh_tokens n
        where n.session_id = s.id and encode(n.token_hash, 'hex') = any (${hashes}::text[])) as successor
    from refresh_tokens t join sessions s on s.id = t.session_id
    where t.token_hash = ${tokenHash} and t.used_at is not null
      and s.revoked_at is null and s.expires_at > clock_timestamp()`;
  return used;
}

/**
 * Ends a session with all its tokens. Its WebSockets receive no more frames. Ending a session again changes nothing.
 *
 * @returns true when the session was alive
 */
export async function endSession(db: Database, sessionId: string, reason: string): Promise<boolean> {
  const [session] = await db<{ alive: boolean }[]>`
    select revoked_at is null as alive from sessions where id = ${sessionId}`;
  await retryOnConflict(() => db`select end_session(${sessionId}, ${reason})`);
  return session?.alive ?? false;
}

/** Returns the id of the session that a refresh token belongs to. The token may be used already. */
export async function sessionOf(on: On, tokenHash: Buffer): Promise<string | undefined> {
  const [row] = await on<{ id: string }[]>`
    select session_id as id from refresh_tokens where token_hash = ${tokenHash}`;
  return row?.id;
}

export async function isLiveSession(on: On, { userId, sessionId }: Principal): Promise<boolean> {
  const rows = await on`
    select from sessions
    where id = ${sessionId} and user_id = ${userId} and revoked_at is null and expires_at > clock_timestamp()`;
  return rows.length > 0;
}

/** Returns true when a refresh token would be accepted. */
export async function isUsable(on: On, tokenHash: Buffer): Promise<boolean> {
  const rows = await on`
    select from refresh_tokens t join sessions s on s.id = t.session_id
    where t.token_hash = ${tokenHash} and t.used_at is null and t.expires_at > clock_timestamp()
      and s.revoked_at is null and s.expires_at > clock_timestamp()`;
  return rows.length > 0;
}

export async function readUser(on: On, id: string): Promise<User | undefined> {
  const [user] = await on<User[]>`select ${userColumnsSql(on)} from users u where u.id = ${id}`;
  return user;
}

/** An organization in its member's answer to a login. `personal` means the member's own personal organization. */
export type OwnOrganization = { id: string; name: string; role: Role; personal: boolean };

/**
 * Reads the first organizations of a user: the personal one, then by age.
 *
 * @returns the organizations, and as `total` the number of all the user's organizations
 */
export async function readOwnOrganizations(
  tx: Transaction,
  userId: string,
  limit: number,
): Promise<{ organizations: OwnOrganization[]; total: number }> {
  const rows = await tx<(OwnOrganization & { total: number })[]>`
    with home as materialized (
      select o.id from organizations o where o.created_by = ${userId} and o.personal
    ), mine as materialized (
      select m.organization_id, m.role, true as personal from memberships m
      where m.user_id = ${userId} and m.organization_id = (select id from home)
      union all (
        -- Ids are UUIDv7, so this is the order of creation.
        select m.organization_id, m.role, false from memberships m
        where m.user_id = ${userId} and m.organization_id is distinct from (select id from home)
        order by m.user_id, m.organization_id
        limit ${limit}
      )
    )
    select o.id, o.name, mine.role, mine.personal,
      (select count(*) from memberships m where m.user_id = ${userId}) as total
    from mine join organizations o on o.id = mine.organization_id
    order by mine.personal desc, o.id
    limit ${limit}`;
  return { organizations: rows.map(({ total, ...each }) => each), total: rows[0]?.total ?? 0 };
}

export async function readPublicKeys(on: On): Promise<PublicKey[]> {
  return on<
    PublicKey[]
  >`select kid, public_jwk as "publicJwk" from signing_keys order by created_at desc, kid`;
}

/**
 * Publishes verification keys. Withdraws a key only when it is not among the given keys and is older than a day: a
 * sandbox that read the secret just before a rotation must not withdraw the new key.
 *
 * @returns ids of the keys that are new
 */
export async function publishKeys(on: On, keys: readonly PublicKey[]): Promise<string[]> {
  const given = JSON.stringify(keys.map(({ kid, publicJwk }) => ({ kid, jwk: publicJwk })));
  const published = await on<{ kid: string }[]>`
    with withdrawn as (
      delete from signing_keys
      where created_at < clock_timestamp() - ${DAY}::interval
        and kid not in (select kid from jsonb_to_recordset(${given}::jsonb) as k(kid text))
    )
    insert into signing_keys (kid, public_jwk)
    select kid, jwk from jsonb_to_recordset(${given}::jsonb) as k(kid text, jwk jsonb)
    on conflict (kid) do nothing
    returning kid`;
  return published.map(({ kid }) => kid);
}

/**
 * Deletes expired rows: sessions with their tokens, tokens of sessions that live on, and counts of requests. Works in
 * small steps, oldest first. A session with open sockets is kept until the sockets are closed.
 *
 * @param limit maximum sessions, maximum tokens and maximum counts
 * @returns the largest of the three numbers of deleted rows
 */
export async function sweepExpired(db: Database, limit: number): Promise<number> {
  // Uses arrays, here and in other sweeps: for a join, Postgres may keep a plan that reads a whole table.
  const { count: sessions } = await db`
    delete from sessions where id = any (array(
      select s.id from sessions s
      where s.expires_at < (select clock_timestamp()) and not exists (select from connections c where c.session_id = s.id)
      order by s.expires_at limit ${limit}))`;
  const { count: tokens } = await db`
    delete from refresh_tokens where token_hash = any (array(
      select token_hash from refresh_tokens where expires_at < (select clock_timestamp()) order by expires_at limit ${limit}))`;
  const { count: counts } = await db`
    delete from request_counts where subject = any (array(
      select subject from request_counts where expires_at < (select clock_timestamp()) order by expires_at limit ${limit}))`;
  // Only older code writes these rows.
  await db`delete from login_failures where expires_at < (select clock_timestamp())`;
  return Math.max(sessions, tokens, counts);
}
