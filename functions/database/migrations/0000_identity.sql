-- Who may do what. Every later table leans on enter() and the three functions below it.

create table users (
  id uuid primary key,
  email text not null check (length(email) <= 254),
  username text not null check (length(username) <= 254),
  name text not null default '' check (length(name) <= 200),
  password_hash text not null,
  created_at timestamptz not null default now(),
  -- One may log in with either: nobody's username may be somebody else's address.
  constraint username_is_no_other_address check (username !~ '@' or lower(username) = lower(email))
);
create unique index users_email on users (lower(email));
create unique index users_username on users (lower(username));

create table organizations (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  personal boolean not null default false,
  created_by uuid references users on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index organizations_personal on organizations (created_by) where personal;

create table memberships (
  organization_id uuid not null references organizations on delete cascade,
  user_id uuid not null references users on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index memberships_user on memberships (user_id);

-- One login. Its id travels in the access token, so that a logout takes effect at once and not when the token expires.
create table sessions (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

-- Random, single-use, stored hashed. A used token is kept so that its reuse can be told from a forgery.
create table refresh_tokens (
  token_hash bytea primary key,
  session_id uuid not null references sessions on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_session on refresh_tokens (session_id);
-- Those of a session that lives on expire, too.
create index refresh_tokens_expiry on refresh_tokens (expires_at);

-- Failed logins in a row, within a quarter of an hour from the first. `account` is a hash, as what was typed in place of a
-- username may well be a password.
create table login_failures (
  account bytea primary key,
  failures integer not null,
  expires_at timestamptz not null
);
create index login_failures_expiry on login_failures (expires_at);

-- The public halves of the signing keys, so that api and socket verify tokens without a network call.
create table signing_keys (
  kid text primary key,
  public_jwk jsonb not null,
  created_at timestamptz not null default now()
);

/*
 * The only way into an organization's rows: looks up what the user is a member of and keeps it for the
 * transaction, where the policies read it. A revoked session or an unknown user enters nothing.
 */
create function enter(p_user uuid, p_session uuid)
  returns table (organization_id uuid, role text, personal boolean)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  live boolean := exists (
    select from sessions s
    where s.id = p_session and s.user_id = p_user and s.revoked_at is null and s.expires_at > clock_timestamp()
  );
begin
  perform set_config('app.user', case when live then p_user::text else '' end, true);
  perform set_config('app.readable', r.readable, true),
          set_config('app.writable', r.writable, true),
          set_config('app.administrable', r.administrable, true)
  from (
    select coalesce(array_agg(m.organization_id), '{}')::text as readable,
           coalesce(array_agg(m.organization_id) filter (where m.role <> 'viewer'), '{}')::text as writable,
           coalesce(array_agg(m.organization_id) filter (where m.role in ('owner', 'admin')), '{}')::text as administrable
    from memberships m
    where m.user_id = p_user and live
  ) r;
  return query
    select m.organization_id, m.role, o.personal and o.created_by = p_user
    from memberships m join organizations o on o.id = m.organization_id
    where m.user_id = p_user and live;
end $$;

create function current_user_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.user', true), '')::uuid;
create function readable_organizations() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.readable', true), ''), '{}')::uuid[];
create function writable_organizations() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.writable', true), ''), '{}')::uuid[];
create function administrable_organizations() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.administrable', true), ''), '{}')::uuid[];

/*
 * Whose username, or whose address, that is: the whole of it, and of the given kind, so that a username does not lead to an
 * address nor the other way round. An id and nothing more, for an administrator who adds somebody whom row-level security
 * does not show yet. At most one of the two is given.
 */
create function find_user(p_username text, p_email text) returns uuid
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.id from users u where lower(u.username) = lower(p_username) or lower(u.email) = lower(p_email);
end;

-- What a later migration creates is nobody's to execute until it is granted.
alter default privileges revoke execute on functions from public;
