-- The upload as it was when its import was asked for; null for imports from before. An upload that somebody replaces afterwards
-- has another ETag, and is not imported.
alter table batches add column import_etag text check (length(import_etag) <= 200);

/* May this user make tasks in the organization? For the worker, which writes what somebody asked for earlier. */
create function may_write(p_user uuid, p_organization uuid) returns boolean
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
begin
  return exists (
    select from memberships m where m.organization_id = p_organization and m.user_id = p_user and m.role <> 'viewer'
  );
end $$;
grant execute on function may_write(uuid, uuid) to celeriac_worker;
