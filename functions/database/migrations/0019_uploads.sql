-- Addresses for uploads that were given out, and what lies behind them: so that an organization can have only so many, of so
-- many bytes, and unused ones are removed. A row goes after its object.
create table uploads (
  id uuid primary key,
  organization_id uuid not null references organizations on delete cascade,
  bytes bigint not null check (bytes > 0),
  created_at timestamptz not null default clock_timestamp(),
  -- Until then its address takes the upload.
  open_until timestamptz not null,
  -- The object was found after that.
  stored boolean not null default false
);
create index uploads_organization on uploads (organization_id);
create index uploads_created on uploads (created_at);
create index uploads_unknown on uploads (open_until) where not stored;

alter table uploads enable row level security;
alter table uploads force row level security;
create policy owner on uploads to celeriac_owner using (true) with check (true);

grant select, insert, update on uploads to celeriac_api;
create policy read on uploads for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on uploads for insert to celeriac_api with check (organization_id = any ((select writable_organizations())::uuid[]));
create policy change on uploads for update to celeriac_api
  using (organization_id = any ((select writable_organizations())::uuid[]))
  with check (organization_id = any ((select writable_organizations())::uuid[]));

grant select, delete on uploads to celeriac_worker;
grant select, update, delete on uploads to celeriac_dispatcher;
create policy serve on uploads to celeriac_worker, celeriac_dispatcher using (true) with check (true);
