/*
 * How many tasks have not ended, by organization and by the user who created them. Counted by the statements that create tasks, end
 * them, or bring them back: see store/pending.ts. In several rows each, by connection, so that nobody waits for another one's commit.
 */
create table pending_tasks (
  organization_id uuid not null references organizations on delete cascade,
  -- Zeros for nobody.
  user_id uuid not null,
  shard smallint not null,
  -- Of one shard, also negative: what one connection has created, another one ends.
  pending bigint not null,
  primary key (organization_id, user_id, shard)
) with (fillfactor = 50);
create index pending_tasks_of_user on pending_tasks (user_id);

-- What old functions create and end until the new ones are there is not counted.
insert into pending_tasks (organization_id, user_id, shard, pending)
select organization_id, coalesce(created_by, '00000000-0000-0000-0000-000000000000'), 0, count(*)
from tasks where status in ('PENDING', 'SCHEDULED', 'RUNNING') group by 1, 2;

-- The sum of all, as the dispatcher has last counted it.
create table pending_in_installation (
  single boolean primary key default true check (single),
  pending bigint not null
);
insert into pending_in_installation (pending) select coalesce(sum(pending), 0) from pending_tasks;

insert into quotas (name, value) values
  ('pending_of_organization', 2000000),
  ('pending_of_user', 3000000),
  ('pending_of_installation', 20000000);

do $$
declare t text;
begin
  foreach t in array array['pending_tasks', 'pending_in_installation'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
  end loop;
end $$;

/* What has not ended of an organization, or of a user. For full_bound() alone: each look is a new one. */
create function pending_of(p_name text, p_id uuid) returns bigint
  language plpgsql volatile set search_path = public, pg_temp
as $$
begin
  if p_name = 'organization' then
    return (select coalesce(sum(p.pending), 0) from pending_tasks p where p.organization_id = p_id);
  end if;
  return (select coalesce(sum(p.pending), 0) from pending_tasks p where p.user_id = p_id);
end $$;
revoke execute on function pending_of(text, uuid) from public;

/*
 * Whether so many new tasks may be added. Null when they may; else whose bound is full: `organization`, `user` or `installation`.
 *
 * Below half of a bound nobody waits: these statements share a lock until they commit, and what they add together is far less than the
 * other half. Above it, each has the lock alone, and sees what all before it have added. A statement that finds this out only when it
 * shares the lock takes turns with others like it: it cannot take the lock alone, as two of them would wait for each other.
 */
create function full_bound(p_organization uuid, p_user uuid, p_new bigint) returns text
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  owner record;
begin
  for owner in
    select o.name, o.id, q.value as bound, hashtextextended(o.id::text || 'pending', 0) as lock
    from (values (1, 'organization', p_organization), (2, 'user', p_user)) as o(place, name, id)
    join quotas q on q.name = 'pending_of_' || o.name
    where o.id is not null
    order by o.place
  loop
    if p_new + pending_of(owner.name, owner.id) > owner.bound / 2 then
      perform pg_advisory_xact_lock(owner.lock);
    else
      perform pg_advisory_xact_lock_shared(owner.lock);
      continue when p_new + pending_of(owner.name, owner.id) <= owner.bound / 2;
      perform pg_advisory_xact_lock(owner.lock + 1);
    end if;
    if p_new + pending_of(owner.name, owner.id) > owner.bound then return owner.name; end if;
  end loop;
  if p_new + (select p.pending from pending_in_installation p)
    > (select q.value from quotas q where q.name = 'pending_of_installation')
  then return 'installation'; end if;
  return null;
end $$;
revoke execute on function full_bound(uuid, uuid, bigint) from public;
grant execute on function full_bound(uuid, uuid, bigint) to celeriac_api, celeriac_worker;

grant select, insert, update on pending_tasks to celeriac_api, celeriac_worker, celeriac_dead_letters, celeriac_dispatcher;
create policy read on pending_tasks for select to celeriac_api using (organization_id = (select entered_organization())
  or (select m.role from memberships m where m.organization_id = pending_tasks.organization_id and m.user_id = (select current_user_id())) is not null);
create policy add on pending_tasks for insert to celeriac_api with check (organization_id = (select entered_writable_organization())
  or (select m.role from memberships m where m.organization_id = pending_tasks.organization_id and m.user_id = (select current_user_id())) <> 'viewer');
create policy change on pending_tasks for update to celeriac_api
  using (organization_id = (select entered_writable_organization())
  or (select m.role from memberships m where m.organization_id = pending_tasks.organization_id and m.user_id = (select current_user_id())) <> 'viewer')
  with check (organization_id = (select entered_writable_organization())
  or (select m.role from memberships m where m.organization_id = pending_tasks.organization_id and m.user_id = (select current_user_id())) <> 'viewer');
create policy count on pending_tasks to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher using (true) with check (true);

grant select, update on pending_in_installation to celeriac_dispatcher;
create policy count on pending_in_installation to celeriac_dispatcher using (true) with check (true);
