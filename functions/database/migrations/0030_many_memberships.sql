-- What a page of names, pauses or tasks costs somebody with many memberships, and what it costs beside somebody who has many.

/*
 * Is the user a member of an organization that this other user is in? Most lists are about one organization, which the transaction
 * has entered: there, one look is enough.
 */
create or replace function is_colleague(p_user uuid) returns boolean
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
  me uuid := nullif(current_setting('app.user', true), '')::uuid;
begin
  if (select true from memberships here where here.organization_id = entered_organization() and here.user_id = p_user) then
    return true;
  end if;
  return exists (
    select from memberships theirs
    where theirs.user_id = p_user
      -- One by one, by key. A join may begin with all memberships of the user who asks.
      and (select mine.role from memberships mine where mine.organization_id = theirs.organization_id and mine.user_id = me)
        is not null
  );
end $$;

/* As before, but without conditions it finds all that it needs in the index. */
create or replace function newest_task_of_each(
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
  if num_nonnulls(
    p_created_by, p_statuses, p_kind, p_queue, p_created_from, p_created_to, p_scheduled_from, p_scheduled_to
  ) = 0 then
    return query
      select m.organization_id, newest.id from memberships m cross join lateral (
        select t.id from tasks t where t.organization_id = m.organization_id and t.id < before
        order by t.organization_id, t.id desc limit 1
      ) newest
      where m.user_id = me
      order by newest.id desc limit p_limit;
    return;
  end if;
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

/*
 * As before, but what is watched is looked up in arrays. Of a join, a connection keeps a plan that reads all subscriptions, if it has
 * planned while there were few.
 */
create or replace function silence(p_connections text[], p_organization uuid default null) returns void
  language sql volatile set search_path = public, pg_temp
begin atomic
  -- An update alone takes its rows in any order, and deadlocks with another that takes them in another.
  select from tasks t
  where t.id = any (array(select s.task_id from subscriptions s where s.connection_id = any (p_connections)))
    and (p_organization is null or t.organization_id = p_organization)
  order by t.id
  for no key update;
  update tasks t
  set watchers = (select coalesce(array_agg(w), '{}') from unnest(t.watchers) w where w <> all (p_connections))
  where t.id = any (array(select s.task_id from subscriptions s where s.connection_id = any (p_connections)))
    and (p_organization is null or t.organization_id = p_organization);
  delete from subscriptions s
  where s.connection_id = any (p_connections)
    and (p_organization is null or (select t.organization_id from tasks t where t.id = s.task_id) = p_organization);

  select from batches b
  where b.id = any (array(select s.batch_id from batch_subscriptions s where s.connection_id = any (p_connections)))
    and (p_organization is null or b.organization_id = p_organization)
  order by b.id
  for no key update;
  update batches b
  set watchers = (select coalesce(array_agg(w), '{}') from unnest(b.watchers) w where w <> all (p_connections))
  where b.id = any (array(select s.batch_id from batch_subscriptions s where s.connection_id = any (p_connections)))
    and (p_organization is null or b.organization_id = p_organization);
  delete from batch_subscriptions s
  where s.connection_id = any (p_connections)
    and (p_organization is null or (select b.organization_id from batches b where b.id = s.batch_id) = p_organization);
end;
