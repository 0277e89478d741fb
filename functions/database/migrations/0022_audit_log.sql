-- Who did what, from which address. Logins and logouts of a user stand in the log of the user's personal organization. Rows without
-- an organization are for operators: failed logins of accounts that do not exist, new signing keys. Without foreign keys, as a row
-- outlives what it names. `details` never holds a secret.
create table audit_log (
  id uuid primary key,
  at timestamptz not null default clock_timestamp(),
  organization_id uuid,
  actor_id uuid,
  action text not null check (length(action) <= 100),
  target text check (length(target) <= 300),
  details jsonb not null default '{}' check (length(details::text) <= 2000),
  address text check (length(address) <= 100)
);
create index audit_log_of_organization on audit_log (organization_id, id desc);
create index audit_log_at on audit_log (at);

alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy owner on audit_log to celeriac_owner using (true) with check (true);

/* An act of the transaction's principal in an organization. Call it while the principal is a member. */
create function record_act(
  p_id uuid, p_organization uuid, p_action text, p_target text, p_details jsonb, p_address text
) returns void
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  if not exists (select from memberships m where m.organization_id = p_organization and m.user_id = current_user_id()) then
    raise insufficient_privilege using message = 'only a member of the organization acts in it';
  end if;
  insert into audit_log (id, organization_id, actor_id, action, target, details, address)
  values (p_id, p_organization, current_user_id(), p_action, p_target, p_details, p_address);
end $$;
grant execute on function record_act(uuid, uuid, text, text, jsonb, text) to celeriac_api;

/* What became of a login or a session. The user is named, or is that of the session. Both may be unknown. */
create function record_identity_event(p_id uuid, p_user uuid, p_session uuid, p_action text, p_target text, p_address text)
  returns void
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  whose uuid := coalesce(p_user, (select s.user_id from sessions s where s.id = p_session));
begin
  insert into audit_log (id, organization_id, actor_id, action, target, address)
  values (
    p_id, (select o.id from organizations o where o.created_by = whose and o.personal), whose, p_action,
    coalesce(p_target, p_session::text), p_address
  );
end $$;
grant execute on function record_identity_event(uuid, uuid, uuid, text, text, text) to celeriac_auth, celeriac_session;

-- Owners and admins read the log of their organization. Nobody changes it.
grant select on audit_log to celeriac_api;
create policy read on audit_log for select to celeriac_api using (
  (select m.role from memberships m where m.organization_id = audit_log.organization_id and m.user_id = (select current_user_id()))
    in ('owner', 'admin')
);

grant select (id, at), delete on audit_log to celeriac_dispatcher;
create policy sweep on audit_log to celeriac_dispatcher using (at < clock_timestamp() - interval '90 days');
