-- Nearly all who create tasks are far from their bounds. The dispatcher finds the others once a minute, and only these are summed up
-- exactly, under locks, by full_bound().
create table near_bounds (
  -- An organization or a user.
  owner_id uuid primary key
);

alter table pending_in_installation
  add column counted_at timestamptz not null default '-infinity',
  -- Everybody is summed up exactly.
  add column everybody_is_near boolean not null default true;

-- Without tasks, nobody is near.
update pending_in_installation set counted_at = now(), everybody_is_near = false where pending = 0;

alter table near_bounds enable row level security;
alter table near_bounds force row level security;
create policy owner on near_bounds to celeriac_owner using (true) with check (true);

-- An id alone says of nobody how near a bound is.
grant select on near_bounds to celeriac_api, celeriac_worker;
grant select, insert, delete on near_bounds to celeriac_dispatcher;
create policy read on near_bounds for select to celeriac_api, celeriac_worker using (true);
create policy mark on near_bounds to celeriac_dispatcher using (true) with check (true);

grant select (counted_at, everybody_is_near) on pending_in_installation to celeriac_api, celeriac_worker;
create policy read on pending_in_installation for select to celeriac_api, celeriac_worker using (true);

-- The dispatcher adds the rows of connections together.
grant delete on pending_tasks to celeriac_dispatcher;
