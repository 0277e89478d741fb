-- Least privilege: what each function's role may touch, and row-level security behind every `where`.
-- Roles themselves are made by roles.ts before the migrations, as they belong to the cluster and not to a database.

revoke execute on all functions in schema public from public;

do $$
declare t text;
begin
  foreach t in array array['users', 'organizations', 'memberships', 'sessions', 'refresh_tokens', 'login_failures', 'signing_keys',
    'tasks', 'attempts', 'connections', 'subscriptions', 'ws_tickets', 'watchlists', 'price_ticks', 'price_fetches']
  loop
    execute format('alter table %I enable row level security', t);
    -- Forced, so that the definer functions see rows by a written policy and not by accident.
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
  end loop;
end $$;

grant execute on function enter(uuid, uuid) to celeriac_auth, celeriac_api, celeriac_socket;
grant execute on function create_organization(uuid, uuid, text, boolean) to celeriac_auth, celeriac_api;
grant execute on function find_user(text, text) to celeriac_api;
grant execute on function current_user_id(), readable_organizations(), writable_organizations(), administrable_organizations()
  to celeriac_auth, celeriac_api, celeriac_socket;

-- auth: identities, and nothing else.
grant select, insert on users, sessions, refresh_tokens to celeriac_auth;
grant update (password_hash) on users to celeriac_auth;
grant update (used_at) on refresh_tokens to celeriac_auth;
grant select, insert, update, delete on login_failures to celeriac_auth;
grant select, insert, delete on signing_keys to celeriac_auth;
create policy auth on users to celeriac_auth using (true) with check (true);
create policy auth on sessions to celeriac_auth using (true) with check (true);
create policy auth on refresh_tokens to celeriac_auth using (true) with check (true);
create policy auth on login_failures to celeriac_auth using (true) with check (true);
create policy auth on signing_keys to celeriac_auth using (true) with check (true);
-- The answer to "who am I" names the organizations.
grant select (id, name) on organizations to celeriac_auth;
create policy auth on organizations for select to celeriac_auth using (id = any ((select readable_organizations())::uuid[]));

-- api: as a member sees it. Members of one organization see each other's username and name, and never the address. (Who
-- registers without a username chooses the address as one.) One's own address is the auth function's to tell.
grant select (id, username, name) on users to celeriac_api;
create policy colleagues on users for select to celeriac_api using (
  id = (select current_user_id())
  or exists (select from memberships m where m.user_id = users.id and m.organization_id = any ((select readable_organizations())::uuid[]))
);

grant select, update, delete on organizations to celeriac_api;
create policy read on organizations for select to celeriac_api using (id = any ((select readable_organizations())::uuid[]));
create policy change on organizations for update to celeriac_api
  using (id = any ((select administrable_organizations())::uuid[]))
  with check (id = any ((select administrable_organizations())::uuid[]));
create policy remove on organizations for delete to celeriac_api using (id = any ((select administrable_organizations())::uuid[]));

grant select, insert, update, delete on memberships to celeriac_api;
create policy read on memberships for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on memberships for insert to celeriac_api with check (organization_id = any ((select administrable_organizations())::uuid[]));
create policy change on memberships for update to celeriac_api
  using (organization_id = any ((select administrable_organizations())::uuid[]))
  with check (organization_id = any ((select administrable_organizations())::uuid[]));
-- Members may leave; administrators may remove.
create policy remove on memberships for delete to celeriac_api using (
  organization_id = any ((select administrable_organizations())::uuid[]) or user_id = (select current_user_id())
);

grant select on signing_keys to celeriac_api, celeriac_socket;
create policy read on signing_keys for select to celeriac_api, celeriac_socket using (true);

grant select, insert on tasks to celeriac_api;
grant update (status, run_at, scheduled_time, attempt_limit, lease_until, next_dispatch_at, dispatches, started_at, finished_at,
  cancel_requested_at, crashes, result, error, seq, updated_at) on tasks to celeriac_api;
create policy read on tasks for select to celeriac_api, celeriac_socket using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on tasks for insert to celeriac_api with check (organization_id = any ((select writable_organizations())::uuid[]));
create policy change on tasks for update to celeriac_api
  using (organization_id = any ((select writable_organizations())::uuid[]))
  with check (organization_id = any ((select writable_organizations())::uuid[]));

grant select on attempts to celeriac_api;
create policy read on attempts for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));

grant select, insert, update, delete on watchlists to celeriac_api;
create policy read on watchlists for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));
create policy change on watchlists to celeriac_api
  using (organization_id = any ((select writable_organizations())::uuid[]))
  with check (organization_id = any ((select writable_organizations())::uuid[]));

-- Prices belong to nobody: the same for all who follow them. The traces of the ticks name what anybody follows, so they
-- stay out of reach.
grant select on price_ticks to celeriac_api;
create policy read on price_ticks for select to celeriac_api using (true);

grant insert on ws_tickets to celeriac_api;
create policy add on ws_tickets for insert to celeriac_api with check (user_id = (select current_user_id()));

-- socket: opens connections of its own, and sees tasks as a member does; what they watch is 0004's to write.
grant insert on connections to celeriac_socket;
create policy open on connections for insert to celeriac_socket with check (user_id = (select current_user_id()));
grant select on tasks to celeriac_socket;

-- worker, dead-letters, dispatcher: they serve every organization; the message says which rows, the guard says whether.
grant select, update on tasks to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher;
grant insert on attempts to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher;
create policy serve on tasks to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher using (true) with check (true);
create policy record on attempts for insert to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher with check (true);

-- dispatcher: also sweeps what has expired.
grant select on connections to celeriac_dispatcher;
grant select, delete on ws_tickets, refresh_tokens, sessions, login_failures to celeriac_dispatcher;
create policy sweep on connections for select to celeriac_dispatcher using (true);
create policy sweep on ws_tickets to celeriac_dispatcher using (expires_at < clock_timestamp());
create policy sweep on refresh_tokens to celeriac_dispatcher using (expires_at < clock_timestamp());
create policy sweep on login_failures to celeriac_dispatcher using (expires_at < clock_timestamp());
create policy read on sessions for select to celeriac_dispatcher using (true);
create policy sweep on sessions for delete to celeriac_dispatcher using (expires_at < clock_timestamp());

-- prices: which assets anybody follows (not who), and the ticks.
grant select (asset, currency) on watchlists to celeriac_prices;
create policy follow on watchlists for select to celeriac_prices using (true);
grant select, insert, update on price_ticks, price_fetches to celeriac_prices;
create policy write on price_ticks to celeriac_prices using (true) with check (true);
create policy write on price_fetches to celeriac_prices using (true) with check (true);
