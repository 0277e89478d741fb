-- What has ended is kept for as long as its organization says, and then removed in small steps, one organization after the other.
alter table organizations add column purged_at timestamptz not null default now();
create index organizations_purged on organizations (purged_at);
create index batches_finished on batches (organization_id, finished_at) where finished_at is not null;

grant select (retention_days, purged_at), update (purged_at) on organizations to celeriac_dispatcher;
create policy take_turns on organizations for update to celeriac_dispatcher using (true) with check (true);

grant delete on tasks, batches to celeriac_dispatcher;
-- Whatever the statement says: nothing that has not ended, and nothing of today.
create policy purge on tasks as restrictive for delete to celeriac_dispatcher using (finished_at < now() - interval '1 day');
create policy purge on batches as restrictive for delete to celeriac_dispatcher using (finished_at < now() - interval '1 day');
