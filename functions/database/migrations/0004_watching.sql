-- Who watches what is written twice: in `subscriptions`, and in `tasks.watchers`, where the statement that changes a task
-- reads it. Only the functions below write either, so that the two always agree, whoever comes in between.
--
-- They lock in one order: session, membership, connection, tasks by id. So nobody who follows it waits in a circle, and
-- whoever ends a session or a membership first, then silences, leaves no later subscription behind.

/* The user and session that a connection was opened by; no row when it is unknown or past its life. */
create function principal_of(p_connection text) returns table (user_id uuid, session_id uuid)
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.user_id, c.session_id from connections c where c.id = p_connection and c.expires_at > clock_timestamp();
end;

/* Takes a ticket: the first to present it gets its principal, nobody gets it twice. */
create function redeem_ticket(p_hash bytea) returns table (user_id uuid, session_id uuid)
  language sql volatile security definer set search_path = public, pg_temp
begin atomic
  delete from ws_tickets t where t.ticket_hash = p_hash and t.expires_at > clock_timestamp()
  returning t.user_id, t.session_id;
end;

/*
 * Makes a connection a watcher of a task, with the rights that the connection's own user has at this moment. The session
 * and the membership stay locked until the transaction ends: who ends either waits, and then finds the subscription.
 *
 * Returns the task's `seq` from which on the connection hears of every change, or why it does not watch: `session_ended`,
 * `task_not_found`, `too_many_subscriptions`, `too_many_watchers`.
 */
create function watch(p_connection text, p_task uuid, p_most_subscriptions integer, out refusal text, out seq bigint)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  who record;
  task record;
begin
  select * into who from principal_of(p_connection);
  perform from sessions s
    where s.id = who.session_id and s.revoked_at is null and s.expires_at > clock_timestamp()
    for share;
  if not found then refusal := 'session_ended'; return; end if;

  perform from memberships m
    where m.user_id = who.user_id and m.organization_id = (select t.organization_id from tasks t where t.id = p_task)
    for key share;
  if not found then refusal := 'task_not_found'; return; end if;

  -- Two subscriptions of one connection at once count one after the other.
  perform from connections c where c.id = p_connection for no key update;
  if not found then refusal := 'session_ended'; return; end if;
  if not exists (select from subscriptions s where s.connection_id = p_connection and s.task_id = p_task)
    and (select count(*) from subscriptions s where s.connection_id = p_connection) >= p_most_subscriptions
  then refusal := 'too_many_subscriptions'; return; end if;

  select t.seq, p_connection = any (t.watchers) as watching, cardinality(t.watchers) as watchers into task
    from tasks t where t.id = p_task
    for no key update;
  if not found then refusal := 'task_not_found'; return; end if;
  if not task.watching then
    if task.watchers >= 1000 then refusal := 'too_many_watchers'; return; end if;
    update tasks t set watchers = array_append(t.watchers, p_connection) where t.id = p_task;
    insert into subscriptions (connection_id, task_id) values (p_connection, p_task) on conflict do nothing;
  end if;
  seq := task.seq;
end $$;

/* The counterpart of watch(). Not having watched is no error. */
create function unwatch(p_connection text, p_task uuid) returns void
  language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update tasks t set watchers = array_remove(t.watchers, p_connection)
  where t.id = p_task and p_connection = any (t.watchers);
  delete from subscriptions s where s.connection_id = p_connection and s.task_id = p_task;
end;

/*
 * Takes connections off the tasks that they watch, of one organization or of all: they hear nothing more. For the functions
 * below alone, each of which has locked out new subscriptions before.
 */
create function silence(p_connections text[], p_organization uuid default null) returns void
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
end;

/* Ends a session: its WebSockets hear nothing more, and the dispatcher closes them. Ending it again changes nothing. */
create function end_session(p_session uuid, p_reason text) returns void
  language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update sessions s set revoked_at = clock_timestamp(), revoked_reason = p_reason
  where s.id = p_session and s.revoked_at is null;
  select silence((select coalesce(array_agg(c.id), '{}') from connections c where c.session_id = p_session));
end;

/* Takes a user's WebSockets off everything that an organization owns: an administrator anyone's, everybody their own. */
create function silence_member(p_organization uuid, p_user uuid) returns void
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  if p_user is distinct from current_user_id() and not p_organization = any (administrable_organizations()) then
    raise insufficient_privilege using message = 'only an administrator of the organization silences others';
  end if;
  perform silence((select coalesce(array_agg(c.id), '{}') from connections c where c.user_id = p_user), p_organization);
end $$;

/* Forgets connections that have gone. Whoever names one knows it: ids are random, and no role of a function can list them
   but the dispatcher's. */
create function forget(p_connections text[]) returns void
  language sql volatile security definer set search_path = public, pg_temp
begin atomic
  select from connections c where c.id = any (p_connections) order by c.id for update;
  select silence(p_connections);
  delete from connections c where c.id = any (p_connections);
end;

grant execute on function principal_of(text), redeem_ticket(bytea), watch(text, uuid, integer), unwatch(text, uuid) to celeriac_socket;
grant execute on function forget(text[]) to celeriac_socket, celeriac_dispatcher;
grant execute on function end_session(uuid, text) to celeriac_auth;
grant execute on function silence_member(uuid, uuid) to celeriac_api;
