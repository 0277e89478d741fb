/*
 * Returns the connections that watch a task or a batch of an organization: those of one member, or without a user those of
 * every member. Members may ask for their own; only administrators may ask for others'.
 *
 * The memberships stay locked until the transaction ends, and watch() locks them too. So a subscription that is not
 * committed yet is waited for, and no later one begins. After a removal there is no membership left to lock.
 */
create function watching_connections(p_organization uuid, p_user uuid default null) returns text[]
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  members uuid[] := array[p_user];
begin
  if p_user is distinct from current_user_id() and not p_organization = any (administrable_organizations()) then
    raise insufficient_privilege using message = 'only an administrator of the organization sees the connections of others';
  end if;
  if p_user is null then
    members := array(
      select m.user_id from memberships m where m.organization_id = p_organization order by m.user_id for update
    );
  end if;
  return array(
    select c.id from connections c
      join subscriptions s on s.connection_id = c.id
      join tasks t on t.id = s.task_id
    where c.user_id = any (members) and t.organization_id = p_organization
    union
    select c.id from connections c
      join batch_subscriptions s on s.connection_id = c.id
      join batches b on b.id = s.batch_id
    where c.user_id = any (members) and b.organization_id = p_organization
  );
end $$;

grant execute on function watching_connections(uuid, uuid) to celeriac_api;
