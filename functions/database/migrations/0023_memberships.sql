-- Policies ask for one membership: that of the user in the organization of the row. Before, a request carried the ids of all
-- organizations of its user, and each row was held against all of them.
--
-- Expands only. enter(), readable_organizations(), writable_organizations() and administrable_organizations() stay for code that
-- still runs; no policy uses them any more.

create index memberships_of_user on memberships (user_id, organization_id) include (role);
drop index memberships_user;
-- There are many users and organizations, whatever the statistics of a small table say. Where one organization has most of the tasks,
-- Postgres would look for the newest task of another one along the primary key, and so along the tasks of all.
alter table memberships alter column user_id set (n_distinct = -0.3), alter column organization_id set (n_distinct = -0.3);
alter table tasks alter column organization_id set (n_distinct = -0.05);
alter table batches alter column organization_id set (n_distinct = -0.05);

/* Says who asks, for the transaction. Returns false, and lets nobody in, when the session has ended. */
create function enter_session(p_user uuid, p_session uuid) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  live boolean := exists (
    select from sessions s
    where s.id = p_session and s.user_id = p_user and s.revoked_at is null and s.expires_at > clock_timestamp()
  );
begin
  perform set_config('app.user', case when live then p_user::text else '' end, true),
          set_config('app.organization', '', true),
          set_config('app.writable_organization', '', true);
  return live;
end $$;

/*
 * The same, with the user's membership in the named organization, or without a name in the personal one. Always one row: without
 * a role when the user is no member, and without `live` when the session has ended.
 */
create function enter_organization(
  p_user uuid, p_session uuid, p_organization uuid, out live boolean, out organization_id uuid, out role text
)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  wanted uuid := p_organization;
begin
  live := enter_session(p_user, p_session);
  if not live then return; end if;
  if wanted is null then
    select o.id into wanted from organizations o where o.created_by = p_user and o.personal;
  end if;
  select m.organization_id, m.role into organization_id, role
    from memberships m where m.organization_id = wanted and m.user_id = p_user;
  if role is not null then
    perform set_config('app.organization', wanted::text, true),
            set_config('app.writable_organization', case when role <> 'viewer' then wanted::text else '' end, true);
  end if;
end $$;

/* The organization that the transaction has entered, and the same if the user may write there: looked up already. */
create function entered_organization() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.organization', true), '')::uuid;
create function entered_writable_organization() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.writable_organization', true), '')::uuid;

/* The user's role in an organization; null for none. For the policies of `memberships`, which cannot ask that table themselves. */
create function role_in(p_organization uuid) returns text
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
begin
  return (
    select m.role from memberships m
    where m.organization_id = p_organization and m.user_id = nullif(current_setting('app.user', true), '')::uuid
  );
end $$;

/* Is the user a member of an organization that this other user is in? */
create function is_colleague(p_user uuid) returns boolean
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
  me uuid := nullif(current_setting('app.user', true), '')::uuid;
begin
  return exists (
    select from memberships theirs
    where theirs.user_id = p_user
      -- One by one, by key. A join may begin with all memberships of the user who asks.
      and (select mine.role from memberships mine where mine.organization_id = theirs.organization_id and mine.user_id = me)
        is not null
  );
end $$;

/*
 * The newest task of each of the user's organizations that matches, the newest of these first. With the owner's rights, as asking
 * a policy for each of 50,000 rows takes longer than finding them. What is null does not matter.
 */
create function newest_task_of_each(
  p_limit integer, p_before uuid, p_created_by uuid, p_statuses text[], p_kind text, p_queue text, p_created_from timestamptz,
  p_created_to timestamptz, p_scheduled_from timestamptz, p_scheduled_to timestamptz
)
  returns table (organization_id uuid, id uuid)
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
  me uuid := current_user_id();
  before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
  return query
    select m.organization_id, newest.id from memberships m cross join lateral (
      select t.id from tasks t
      where t.organization_id = m.organization_id and t.id < before
        and (p_created_by is null or t.created_by = p_created_by)
        and (p_statuses is null or t.status = any (p_statuses))
        and (p_kind is null or t.kind = p_kind)
        and (p_queue is null or t.queue = p_queue)
        and (p_created_from is null or t.created_at >= p_created_from)
        and (p_created_to is null or t.created_at < p_created_to)
        and (p_scheduled_from is null or t.scheduled_time >= p_scheduled_from)
        and (p_scheduled_to is null or t.scheduled_time < p_scheduled_to)
      order by t.organization_id, t.id desc limit 1
    ) newest
    where m.user_id = me
    order by newest.id desc limit p_limit;
end $$;

/* The same for batches. */
create function newest_batch_of_each(p_limit integer, p_before uuid) returns table (organization_id uuid, id uuid)
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
  me uuid := current_user_id();
  before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
  return query
    select m.organization_id, newest.id from memberships m cross join lateral (
      select b.id from batches b where b.organization_id = m.organization_id and b.id < before
      order by b.organization_id, b.id desc limit 1
    ) newest
    where m.user_id = me
    order by newest.id desc limit p_limit;
end $$;

grant execute on function newest_batch_of_each(integer, uuid), newest_task_of_each(
  integer, uuid, uuid, text[], text, text, timestamptz, timestamptz, timestamptz, timestamptz
) to celeriac_api;
grant execute on function entered_organization(), entered_writable_organization(), enter_session(uuid, uuid),
  enter_organization(uuid, uuid, uuid)
  to celeriac_auth, celeriac_session, celeriac_api, celeriac_socket;
grant execute on function role_in(uuid), is_colleague(uuid) to celeriac_api;

-- A policy asks `memberships` as the role of the function that runs the statement.
grant select (organization_id, user_id, role) on memberships to celeriac_auth, celeriac_session, celeriac_socket;
create policy mine on memberships for select to celeriac_auth, celeriac_session, celeriac_socket using (user_id = (select current_user_id()));
-- GET /api/auth/me tells the personal organization from others.
grant select (personal, created_by) on organizations to celeriac_session;

alter policy read on memberships using (user_id = (select current_user_id()) or role_in(organization_id) is not null);
alter policy add on memberships with check (role_in(organization_id) in ('owner', 'admin'));
alter policy change on memberships
  using (role_in(organization_id) in ('owner', 'admin')) with check (role_in(organization_id) in ('owner', 'admin'));
alter policy remove on memberships
  using (user_id = (select current_user_id()) or role_in(organization_id) in ('owner', 'admin'));

alter policy colleagues on users using (id = (select current_user_id()) or is_colleague(id));

-- Most statements are about the organization that the transaction has entered. For a row of another one, a scalar subquery is one
-- look into an index. Of `exists`, Postgres may make a hash of all memberships of the user.
do $$
declare
  found text := '(select m.role from memberships m where m.organization_id = %1$s and m.user_id = (select current_user_id()))';
  readable text := '%1$s = (select entered_organization()) or ' || found || ' is not null';
  writable text := '%1$s = (select entered_writable_organization()) or ' || found || ' <> ''viewer''';
  administrable text := found || ' in (''owner'', ''admin'')';
  rule record;
begin
  for rule in
    select * from (values
      ('organizations', 'auth', readable, null),
      ('organizations', 'session', readable, null),
      ('organizations', 'read', readable, null),
      ('organizations', 'change', administrable, administrable),
      ('organizations', 'remove', administrable, null),
      ('tasks', 'read', readable, null),
      ('tasks', 'add', null, writable),
      ('tasks', 'change', writable, writable),
      ('attempts', 'read', readable, null),
      ('watchlists', 'read', readable, null),
      ('watchlists', 'change', writable, writable),
      ('batches', 'read', readable, null),
      ('batches', 'add', null, writable),
      ('batches', 'change', writable, writable),
      ('batches', 'watch', readable, null),
      ('pauses', 'read', readable, null),
      ('pauses', 'add', null, administrable),
      ('pauses', 'remove', administrable, null),
      ('uploads', 'read', readable, null),
      ('uploads', 'add', null, writable),
      ('uploads', 'change', writable, writable),
      ('task_dependencies', 'read', readable, null),
      ('task_dependencies', 'add', null, writable)
    ) as r(tbl, policy, is_seen, is_written)
  loop
    execute format('alter policy %I on %I', rule.policy, rule.tbl)
      || coalesce(' using (' || format(rule.is_seen, organization_of) || ')', '')
      || coalesce(' with check (' || format(rule.is_written, organization_of) || ')', '')
      from (select rule.tbl || case rule.tbl when 'organizations' then '.id' else '.organization_id' end as organization_of) o;
  end loop;
end $$;

/* As before, but the right is looked up: the settings of enter() are not there any more. */
create or replace function silence_member(p_organization uuid, p_user uuid) returns void
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  if p_user is distinct from current_user_id() and coalesce(role_in(p_organization), '') not in ('owner', 'admin') then
    raise insufficient_privilege using message = 'only an administrator of the organization silences others';
  end if;
  perform silence((select coalesce(array_agg(c.id), '{}') from connections c where c.user_id = p_user), p_organization);
end $$;

create or replace function watching_connections(p_organization uuid, p_user uuid default null) returns text[]
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  members uuid[] := array[p_user];
begin
  if p_user is distinct from current_user_id() and coalesce(role_in(p_organization), '') not in ('owner', 'admin') then
    raise insufficient_privilege using message = 'only an administrator of the organization sees the connections of others';
  end if;
  if p_user is null then
    members := array(
      select m.user_id from memberships m where m.organization_id = p_organization order by m.user_id for update
    );
  end if;
  -- From each connection to what it watches. A join may begin with all that anybody watches.
  return array(
    select c.id from connections c
    where c.user_id = any (members) and (
      (select true from subscriptions s
        where s.connection_id = c.id and (select t.organization_id from tasks t where t.id = s.task_id) = p_organization limit 1)
      or (select true from batch_subscriptions s
        where s.connection_id = c.id and (select b.organization_id from batches b where b.id = s.batch_id) = p_organization limit 1)
    )
  );
end $$;
