-- Members of one organization see each other's username and name, and never the address. (Who registers without a username
-- chooses the address as one.) One's own address is the auth function's to tell.
revoke select (email, created_at) on users from celeriac_api;

drop function find_user(text);

/*
 * Whose username, or whose address, that is: the whole of it, and of the given kind, so that a username does not lead to an
 * address nor the other way round. An id and nothing more, for an administrator who adds somebody whom row-level security
 * does not show yet. At most one of the two is given.
 */
create function find_user(p_username text, p_email text) returns uuid
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.id from users u where lower(u.username) = lower(p_username) or lower(u.email) = lower(p_email);
end;
revoke execute on function find_user(text, text) from public;
grant execute on function find_user(text, text) to celeriac_api;
