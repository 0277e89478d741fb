-- Requests of one subject within a window, e.g. logins of a client address. `subject` is a hash, as what was typed in place of a
-- username may well be a password. `login_failures` is read by older code only, and goes in a later migration.
create table request_counts (
  subject bytea primary key,
  requests integer not null,
  expires_at timestamptz not null
);
create index request_counts_expiry on request_counts (expires_at);

alter table request_counts enable row level security;
alter table request_counts force row level security;
create policy owner on request_counts to celeriac_owner using (true) with check (true);

grant select, insert, update, delete on request_counts to celeriac_auth;
create policy auth on request_counts to celeriac_auth using (true) with check (true);
grant select, delete on request_counts to celeriac_dispatcher;
create policy sweep on request_counts to celeriac_dispatcher using (expires_at < clock_timestamp());

-- session: keeps sessions alive and ends them. It reads no password hash, so a flood of logins cannot occupy it.
grant execute on function enter(uuid, uuid), end_session(uuid, text) to celeriac_session;
grant execute on function current_user_id(), readable_organizations(), writable_organizations(), administrable_organizations()
  to celeriac_session;
grant select (id, email, username, name, created_at) on users to celeriac_session;
create policy session on users for select to celeriac_session using (true);
grant select on sessions to celeriac_session;
create policy session on sessions for select to celeriac_session using (true);
grant select, insert, update (used_at) on refresh_tokens to celeriac_session;
create policy session on refresh_tokens to celeriac_session using (true) with check (true);
grant select, insert, delete on signing_keys to celeriac_session;
create policy session on signing_keys to celeriac_session using (true) with check (true);
grant select (id, name) on organizations to celeriac_session;
create policy session on organizations for select to celeriac_session using (id = any ((select readable_organizations())::uuid[]));
