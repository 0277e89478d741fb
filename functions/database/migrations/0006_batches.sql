-- Who watches a batch: written twice, in `batch_subscriptions` and in `batches.watchers`, by the functions below alone, as for
-- tasks (0004). They lock in one order: session, membership, connection, tasks by id, batches by id.

create table batch_subscriptions (
  connection_id text not null references connections on delete cascade,
  batch_id uuid not null references batches on delete cascade,
  primary key (connection_id, batch_id)
);
create index batch_subscriptions_batch on batch_subscriptions (batch_id);

alter table batch_subscriptions enable row level security;
alter table batch_subscriptions force row level security;
create policy owner on batch_subscriptions to celeriac_owner using (true) with check (true);

/*
 * Makes a connection a watcher of a batch, as watch() does of a task.
 *
 * Returns the batch's `seq` from which on the connection hears of every change, or why it does not watch: `session_ended`,
 * `batch_not_found`, `too_many_subscriptions`, `too_many_watchers`.
 */
create function watch_batch(p_connection text, p_batch uuid, p_most_subscriptions integer, out refusal text, out seq bigint)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  who record;
  batch record;
begin
  select * into who from principal_of(p_connection);
  perform from sessions s
    where s.id = who.session_id and s.revoked_at is null and s.expires_at > clock_timestamp()
    for share;
  if not found then refusal := 'session_ended'; return; end if;

  perform from memberships m
    where m.user_id = who.user_id and m.organization_id = (select b.organization_id from batches b where b.id = p_batch)
    for key share;
  if not found then refusal := 'batch_not_found'; return; end if;

  -- Two subscriptions of one connection at once count one after the other.
  perform from connections c where c.id = p_connection for no key update;
  if not found then refusal := 'session_ended'; return; end if;
  if not exists (select from batch_subscriptions s where s.connection_id = p_connection and s.batch_id = p_batch)
    and (select count(*) from batch_subscriptions s where s.connection_id = p_connection) >= p_most_subscriptions
  then refusal := 'too_many_subscriptions'; return; end if;

  select b.seq, p_connection = any (b.watchers) as watching, cardinality(b.watchers) as watchers into batch
    from batches b where b.id = p_batch
    for no key update;
  if not found then refusal := 'batch_not_found'; return; end if;
  if not batch.watching then
    if batch.watchers >= 1000 then refusal := 'too_many_watchers'; return; end if;
    update batches b set watchers = array_append(b.watchers, p_connection) where b.id = p_batch;
    insert into batch_subscriptions (connection_id, batch_id) values (p_connection, p_batch) on conflict do nothing;
  end if;
  seq := batch.seq;
end $$;

/* The counterpart of watch_batch(). Not having watched is no error. */
create function unwatch_batch(p_connection text, p_batch uuid) returns void
  language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update batches b set watchers = array_remove(b.watchers, p_connection)
  where b.id = p_batch and p_connection = any (b.watchers);
  delete from batch_subscriptions s where s.connection_id = p_connection and s.batch_id = p_batch;
end;

/*
 * Takes connections off the tasks and batches that they watch, of one organization or of all: they hear nothing more. For
 * end_session(), silence_member() and forget() alone, each of which has locked out new subscriptions before.
 */
create or replace function silence(p_connections text[], p_organization uuid default null) returns void
  language sql volatile set search_path = public, pg_temp
begin atomic
  -- An update alone takes its rows in any order, and deadlocks with another that takes them in another.
  select from tasks t
  where t.id in (select s.task_id from subscriptions s where s.connection_id = any (p_connections))
    and (p_organization is null or t.organization_id = p_organization)
  order by t.id
  for no key update;
  update tasks t
  set watchers = (select coalesce(array_agg(w), '{}') from unnest(t.watchers) w where w <> all (p_connections))
  where t.id in (select s.task_id from subscriptions s where s.connection_id = any (p_connections))
    and (p_organization is null or t.organization_id = p_organization);
  delete from subscriptions s using tasks t
  where s.connection_id = any (p_connections) and t.id = s.task_id
    and (p_organization is null or t.organization_id = p_organization);

  select from batches b
  where b.id in (select s.batch_id from batch_subscriptions s where s.connection_id = any (p_connections))
    and (p_organization is null or b.organization_id = p_organization)
  order by b.id
  for no key update;
  update batches b
  set watchers = (select coalesce(array_agg(w), '{}') from unnest(b.watchers) w where w <> all (p_connections))
  where b.id in (select s.batch_id from batch_subscriptions s where s.connection_id = any (p_connections))
    and (p_organization is null or b.organization_id = p_organization);
  delete from batch_subscriptions s using batches b
  where s.connection_id = any (p_connections) and b.id = s.batch_id
    and (p_organization is null or b.organization_id = p_organization);
end;

grant execute on function watch_batch(text, uuid, integer), unwatch_batch(text, uuid) to celeriac_socket;
-- The first frame shows the batch as a member sees it.
grant select on batches to celeriac_socket;
create policy watch on batches for select to celeriac_socket using (organization_id = any ((select readable_organizations())::uuid[]));

-- The task that brings a batch its tasks; without one they came with it.
alter table batches add column import_task_id uuid;
create index batches_importing on batches (id) where not sealed;

-- worker: an import writes its tasks, the tasks that it was asked for, into the organization that it belongs to.
grant insert on tasks to celeriac_worker;
