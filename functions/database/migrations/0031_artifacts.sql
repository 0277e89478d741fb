/*
 * Files of organizations, each an object of the bucket. A row is written before its object, and removed after its object. So no
 * object is left for ever, and a row that is ready has its object.
 */
create table artifacts (
  id uuid primary key,
  -- Null after the organization was deleted. The row stays until its object is removed.
  organization_id uuid references organizations on delete set null,
  name text not null check (length(name) between 1 and 255),
  media_type text not null check (length(media_type) between 3 and 127),
  -- Counted in artifact_usage. Grows while an attempt writes a file of unknown length.
  bytes bigint not null check (bytes >= 0),
  -- Hexadecimal. Null while the content is unknown.
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  status text not null default 'pending' check (status in ('pending', 'ready', 'deleted')),
  created_by uuid references users on delete set null,
  -- The attempt that created it. No foreign key: the task may be removed first.
  task_id uuid,
  attempt integer,
  created_at timestamptz not null default clock_timestamp(),
  -- Until then, an address that was given out may write the object.
  open_until timestamptz not null,
  expires_at timestamptz not null,
  check ((task_id is null) = (attempt is null)),
  check (status <> 'ready' or sha256 is not null)
);
create index artifacts_of_organization on artifacts (organization_id, id);
create index artifacts_pending on artifacts (organization_id, id) where status = 'pending';
create index artifacts_of_task on artifacts (organization_id, task_id, id) where task_id is not null and status <> 'deleted';
create index artifacts_unfinished on artifacts (open_until) where status <> 'ready';
create index artifacts_expired on artifacts (expires_at) where status = 'ready';
create index artifacts_without_organization on artifacts (open_until) where organization_id is null and status = 'ready';

-- Sums of an organization's artifacts, so that a quota costs one row. Changed by the statement that changes the artifact.
create table artifact_usage (
  organization_id uuid primary key references organizations on delete cascade,
  artifacts bigint not null check (artifacts >= 0),
  bytes bigint not null check (bytes >= 0)
) with (fillfactor = 50);

alter table organizations
  -- Days for which new artifacts are kept.
  add column artifact_retention_days integer not null default 30 check (artifact_retention_days between 1 and 3650);

insert into quotas (name, value) values
  ('artifacts_of_organization', 100000),
  ('artifact_bytes_of_organization', 53687091200);

do $$
declare t text;
begin
  foreach t in array array['artifacts', 'artifact_usage'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
    execute format('create policy serve on %I to celeriac_worker, celeriac_dispatcher using (true) with check (true)', t);
    execute format('create policy read on %1$I for select to celeriac_api using (organization_id = (select entered_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) is not null)', t);
    execute format('create policy add on %1$I for insert to celeriac_api with check (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')', t);
    execute format('create policy change on %1$I for update to celeriac_api
      using (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')
      with check (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')', t);
  end loop;
end $$;

create policy remove on artifacts as restrictive for delete to celeriac_dispatcher using (status = 'deleted');

grant select, insert, update (status, open_until) on artifacts to celeriac_api;
grant select, insert, update (artifacts, bytes) on artifact_usage to celeriac_api;
grant select, insert, update (status, bytes, sha256, open_until) on artifacts to celeriac_worker;
grant select, insert, update (artifacts, bytes) on artifact_usage to celeriac_worker;
grant select (artifact_retention_days) on organizations to celeriac_worker;
grant select, update (status), delete on artifacts to celeriac_dispatcher;
grant select, update (artifacts, bytes) on artifact_usage to celeriac_dispatcher;
