/*
 * Remembers a WebSocket of the current user, unless the user has as many as may be. Connections past their life do not count,
 * as the end of a connection is told at best effort.
 */
create function open_connection(p_id text, p_session uuid, p_life interval, p_most integer) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  -- Two at once are counted one after the other.
  perform pg_advisory_xact_lock(hashtextextended('connections of ' || current_user_id(), 0));
  insert into connections (id, user_id, session_id, expires_at)
  select p_id, current_user_id(), p_session, now() + p_life
  where p_most > (
    select count(*) from connections c where c.user_id = current_user_id() and c.expires_at > clock_timestamp()
  );
  return found;
end $$;

grant execute on function open_connection(text, uuid, interval, integer) to celeriac_socket;
