-- The engine at full strength. Expands only: code that does not know any of this goes on as before.

alter table organizations
  -- How many tasks of the organization run at once; null for as many as there are workers.
  add column max_running integer check (max_running between 1 and 10000),
  -- Days that finished tasks are kept.
  add column retention_days integer not null default 30 check (retention_days between 1 and 3650);
create index organizations_capped on organizations (id) where max_running is not null;

alter table tasks
  -- No foreign key: a batch outlives its tasks, and a million rows need not each ask for the same one.
  add column batch_id uuid,
  -- The task's own policy and limits; null for the kind's.
  add column retry_policy jsonb,
  add column soft_seconds double precision check (soft_seconds > 0),
  add column hard_seconds double precision check (hard_seconds > soft_seconds and hard_seconds <= 840),
  add column unique_key text check (length(unique_key) between 1 and 200),
  add column concurrency_key text check (length(concurrency_key) between 1 and 200),
  add column concurrency_limit integer check (concurrency_limit between 1 and 10000),
  -- Why the next attempt is made, or the present one was.
  add column cause text not null default 'created' check (cause in ('created', 'retry', 'crash', 'requeue')),
  -- How far the latest attempt is, as its handler last said.
  add column progress jsonb,
  -- Where a result lies that is too large for the row.
  add column artifact jsonb,
  -- The lane in which a due task waits for its turn: nobody sends it a message until it is released. See store/lanes.ts.
  add column held_by text,
  add constraint keyed_with_a_limit check ((concurrency_key is null) = (concurrency_limit is null)),
  add constraint limited_as_a_pair check ((soft_seconds is null) = (hard_seconds is null)),
  add constraint held_only_while_scheduled check (held_by is null or status = 'SCHEDULED'),
  add constraint artifact_only_when_completed check (artifact is null or status = 'COMPLETED');

create unique index tasks_unique_key on tasks (organization_id, unique_key)
  where unique_key is not null and status in ('PENDING', 'SCHEDULED', 'RUNNING');
create index tasks_running_keyed on tasks (organization_id, concurrency_key)
  where status = 'RUNNING' and concurrency_key is not null;
create index tasks_held on tasks (organization_id, held_by, run_at) where held_by is not null;
-- For retention: a row enters it once, at its end.
create index tasks_finished on tasks (organization_id, finished_at) where finished_at is not null;

-- An attempt that reports progress or logs is in the ledger while it runs.
alter table attempts
  drop constraint attempts_outcome_check,
  add constraint attempts_outcome_check
    check (outcome in ('running', 'completed', 'retried', 'failed', 'aborted', 'crashed')),
  alter column finished_at drop not null,
  add constraint finished_unless_running check ((finished_at is null) = (outcome = 'running')),
  add column cause text check (cause in ('created', 'retry', 'crash', 'requeue')),
  -- When it was due: what lies between that and its start is lateness.
  add column due_at timestamptz,
  add column progress jsonb,
  add column logs jsonb;

/*
 * Tasks that were created together. The counts are kept by the statements that move tasks; what still waits or runs is the
 * rest of `total`. Ids of tasks are made in the order of time, so those of a batch lie between its first and its last.
 */
create table batches (
  id uuid primary key,
  organization_id uuid not null references organizations on delete cascade,
  created_by uuid references users on delete set null,
  name text not null default '' check (length(name) <= 200),
  queue text not null check (queue in ('interactive', 'bulk')),
  total integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  first_task_id uuid,
  last_task_id uuid,
  -- Whether `total` is final: all tasks are there.
  sealed boolean not null default true,
  seq bigint not null default 1,
  watchers text[] not null default '{}' check (cardinality(watchers) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint counted check (least(completed, failed, cancelled) >= 0 and completed + failed + cancelled <= total),
  constraint finished_exactly_when_all_are check
    ((finished_at is not null) = (sealed and completed + failed + cancelled = total))
) with (fillfactor = 50);
create index batches_newest on batches (organization_id, id desc);

-- Kinds and queues that start nothing for an organization until they are resumed.
create table pauses (
  organization_id uuid not null references organizations on delete cascade,
  scope text not null check (scope in ('kind', 'queue')),
  name text not null check (length(name) between 1 and 100),
  paused_by uuid references users on delete set null,
  paused_at timestamptz not null default now(),
  primary key (organization_id, scope, name)
);

do $$
declare t text;
begin
  foreach t in array array['batches', 'pauses'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
  end loop;
end $$;

grant update (held_by, cause, progress, artifact) on tasks to celeriac_api;

grant select, insert on batches to celeriac_api;
grant update (total, completed, failed, cancelled, seq, updated_at, finished_at) on batches to celeriac_api;
create policy read on batches for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on batches for insert to celeriac_api with check (organization_id = any ((select writable_organizations())::uuid[]));
create policy change on batches for update to celeriac_api
  using (organization_id = any ((select writable_organizations())::uuid[]))
  with check (organization_id = any ((select writable_organizations())::uuid[]));
grant select, update on batches to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher;
create policy count on batches to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher using (true) with check (true);

grant select, insert, delete on pauses to celeriac_api;
create policy read on pauses for select to celeriac_api using (organization_id = any ((select readable_organizations())::uuid[]));
create policy add on pauses for insert to celeriac_api with check (organization_id = any ((select administrable_organizations())::uuid[]));
create policy remove on pauses for delete to celeriac_api using (organization_id = any ((select administrable_organizations())::uuid[]));
grant select on pauses to celeriac_worker, celeriac_dispatcher;
create policy obey on pauses for select to celeriac_worker, celeriac_dispatcher using (true);
grant select (id, max_running) on organizations to celeriac_worker, celeriac_dispatcher;
create policy obey on organizations for select to celeriac_worker, celeriac_dispatcher using (true);

grant select, update on attempts to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher;
drop policy record on attempts;
create policy record on attempts to celeriac_worker, celeriac_dead_letters, celeriac_dispatcher using (true) with check (true);
