create table tasks (
  id uuid primary key,
  organization_id uuid not null references organizations on delete cascade,
  created_by uuid references users on delete set null,
  kind text not null,
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  payload jsonb not null default '{}',
  queue text not null check (queue in ('interactive', 'bulk')),
  status text not null,
  scheduled_time timestamptz not null,
  run_at timestamptz not null,
  max_retries integer not null check (max_retries between 0 and 100),
  -- The fence: counts every start, also across requeues, and never goes back.
  attempt integer not null default 0,
  -- The attempt after which a failure is final; a requeue grants new ones.
  attempt_limit integer not null,
  -- How many attempts ended with the worker's death. A task that has crashed is run alone.
  crashes integer not null default 0,
  lease_until timestamptz,
  -- When the dispatcher must send a (further) message if nobody has claimed the row until then.
  next_dispatch_at timestamptz,
  dispatches integer not null default 0,
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  result jsonb,
  error jsonb,
  -- Orders the frames of this task for those who watch it.
  seq bigint not null default 1,
  -- Connections to tell. On the row, so that subscribing and changing the status exclude each other:
  -- read from another table, a watcher who subscribes while a change commits would never hear of it.
  watchers text[] not null default '{}' check (cardinality(watchers) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint status_known check (status in ('PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  constraint finished_exactly_when_terminal check ((finished_at is not null) = (status in ('COMPLETED', 'FAILED', 'CANCELLED'))),
  constraint leased_exactly_when_running check ((lease_until is not null) = (status = 'RUNNING')),
  constraint awaits_dispatch_exactly_when_scheduled check ((next_dispatch_at is not null) = (status = 'SCHEDULED')),
  constraint result_only_when_completed check (result is null or status = 'COMPLETED'),
  constraint error_when_failed check (status <> 'FAILED' or error is not null),
  constraint attempts_within_limit check (attempt between 0 and attempt_limit)
) with (fillfactor = 85);

create index tasks_newest on tasks (organization_id, id desc);
create index tasks_to_dispatch on tasks (next_dispatch_at) where status = 'SCHEDULED';
create index tasks_leased on tasks (lease_until) where status = 'RUNNING';

-- The ledger: one row per ended attempt, written by the statement that ended it.
create table attempts (
  task_id uuid not null references tasks on delete cascade,
  attempt integer not null,
  organization_id uuid not null,
  outcome text not null check (outcome in ('completed', 'retried', 'failed', 'aborted', 'crashed')),
  started_at timestamptz not null,
  finished_at timestamptz not null,
  -- Seconds from the end of this attempt to the earliest start of the next one.
  delay_seconds double precision,
  error jsonb,
  primary key (task_id, attempt)
);

create table connections (
  id text primary key,
  user_id uuid not null references users on delete cascade,
  session_id uuid not null references sessions on delete cascade,
  connected_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index connections_session on connections (session_id);
create index connections_user on connections (user_id);
create index connections_expiry on connections (expires_at);

create table subscriptions (
  connection_id text not null references connections on delete cascade,
  task_id uuid not null references tasks on delete cascade,
  primary key (connection_id, task_id)
);
create index subscriptions_task on subscriptions (task_id);

-- A login for one WebSocket connect: short, single-use, stored hashed.
create table ws_tickets (
  ticket_hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  session_id uuid not null references sessions on delete cascade,
  expires_at timestamptz not null
);
create index ws_tickets_expiry on ws_tickets (expires_at);
