-- Tasks that wait for others: PENDING until every one of these is COMPLETED.
create table task_dependencies (
  task_id uuid not null references tasks on delete cascade,
  depends_on uuid not null references tasks on delete cascade,
  organization_id uuid not null,
  primary key (task_id, depends_on)
);
create index task_dependencies_depends_on on task_dependencies (depends_on);

-- Whether tasks wait for this one that have not been told yet how it ended. Written by whoever makes them wait, which excludes
-- ending it at the same time; taken back by whoever tells them.
alter table tasks add column has_dependents boolean not null default false;
create index tasks_to_tell on tasks (finished_at) where has_dependents and finished_at is not null;

alter table task_dependencies enable row level security;
alter table task_dependencies force row level security;
create policy owner on task_dependencies to celeriac_owner using (true) with check (true);

grant update (has_dependents) on tasks to celeriac_api;
grant select, insert on task_dependencies to celeriac_api;
create policy read on task_dependencies for select to celeriac_api
  using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on task_dependencies for insert to celeriac_api
  with check (organization_id = any ((select writable_organizations())::uuid[]));
grant select on task_dependencies to celeriac_worker, celeriac_dispatcher;
create policy serve on task_dependencies for select to celeriac_worker, celeriac_dispatcher using (true);
