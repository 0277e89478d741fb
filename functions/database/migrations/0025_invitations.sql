-- Nobody becomes a member without accepting an invitation.
--
-- Expands only: code that still runs adds members itself, so celeriac_api may still insert into memberships. A later migration
-- takes that away.

create table invitations (
  id uuid primary key,
  organization_id uuid not null references organizations on delete cascade,
  -- As it was written by whoever invites.
  username text check (length(username) <= 254),
  email text check (length(email) <= 254),
  -- The account that had this name at that time; null for nobody's. Whoever registers later under this name is not invited.
  user_id uuid references users on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  invited_by uuid references users on delete set null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- Only the invited user sees the difference: who invites must not learn that the account exists.
  declined_at timestamptz,
  accepted_at timestamptz,
  constraint named_once check ((username is null) <> (email is null))
);
create unique index invitations_name on invitations (organization_id, (email is null), lower(coalesce(username, email)))
  where accepted_at is null;
create index invitations_of_organization on invitations (organization_id, id desc);
create index invitations_of_user on invitations (user_id, id desc) where user_id is not null;
create index invitations_expiry on invitations (expires_at);

alter table invitations enable row level security;
alter table invitations force row level security;
create policy owner on invitations to celeriac_owner using (true) with check (true);

-- Without user_id and declined_at.
grant select (id, organization_id, username, email, role, invited_by, created_at, expires_at, accepted_at), insert, delete
  on invitations to celeriac_api;
create policy read on invitations for select to celeriac_api using (
  (select m.role from memberships m where m.organization_id = invitations.organization_id and m.user_id = (select current_user_id()))
    in ('owner', 'admin')
);
create policy add on invitations for insert to celeriac_api with check (
  invited_by = (select current_user_id()) and
  (select m.role from memberships m where m.organization_id = invitations.organization_id and m.user_id = (select current_user_id()))
    in ('owner', 'admin')
);
create policy remove on invitations for delete to celeriac_api using (
  (select m.role from memberships m where m.organization_id = invitations.organization_id and m.user_id = (select current_user_id()))
    in ('owner', 'admin')
);
grant select, delete on invitations to celeriac_dispatcher;
create policy sweep on invitations to celeriac_dispatcher using (expires_at < clock_timestamp());

/* Is the invitation good: not over, and does whoever invited still have the right to? */
create function is_open(i invitations) returns boolean
  language plpgsql stable set search_path = public, pg_temp
as $$
begin
  return i.accepted_at is null and i.expires_at > clock_timestamp() and exists (
    select from memberships m
    where m.organization_id = i.organization_id and m.user_id = i.invited_by
      and (m.role = 'owner' or (m.role = 'admin' and i.role <> 'owner'))
  );
end $$;

/* What the user is invited to, newest first. An organization that the user is a member of is left out. */
create function own_invitations(p_before uuid, p_limit integer)
  returns table (
    id uuid, organization_id uuid, organization_name text, role text, invited_by text, created_at timestamptz, expires_at timestamptz
  )
  language plpgsql stable security definer set search_path = public, pg_temp
as $$
begin
  return query
    select i.id, i.organization_id, o.name, i.role, u.username, i.created_at, i.expires_at
    from (
      select * from invitations i
      where i.user_id = current_user_id() and i.id < coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        and i.declined_at is null and is_open(i) and role_in(i.organization_id) is null
      order by i.user_id, i.id desc
      limit p_limit
    ) i
    join organizations o on o.id = i.organization_id
    join users u on u.id = i.invited_by
    order by i.id desc;
end $$;

/*
 * Makes the user a member. Accepting again changes nothing, as long as the membership lasts.
 *
 * Locks in the order of all who change members: organization, memberships, and then the user. So of two at once, the second
 * counts the first. Returns the organization, or why not: `invitation_not_found`, `too_many_members`, `too_many_memberships`.
 */
create function accept_invitation(
  p_id uuid, p_most_members integer, p_most_memberships integer, out refusal text, out organization_id uuid,
  out is_new boolean
)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  me uuid := current_user_id();
  home uuid := (select i.organization_id from invitations i where i.id = p_id and i.user_id = me);
  invitation invitations;
begin
  is_new := false;
  perform from organizations o where o.id = home for no key update;
  if not found then refusal := 'invitation_not_found'; return; end if;
  if role_in(home) is not null then
    organization_id := home;
    return;
  end if;
  perform from memberships m
    where m.organization_id = home and m.user_id = (select i.invited_by from invitations i where i.id = p_id)
    for share;
  select * into invitation from invitations i where i.id = p_id for update;
  if not found or not is_open(invitation) then refusal := 'invitation_not_found'; return; end if;

  perform from users u where u.id = me for no key update;
  if (select count(*) from (select from memberships m where m.organization_id = home limit p_most_members) m) >= p_most_members
  then refusal := 'too_many_members'; return; end if;
  if (select count(*) from (select from memberships m where m.user_id = me limit p_most_memberships) m) >= p_most_memberships
  then refusal := 'too_many_memberships'; return; end if;

  insert into memberships (organization_id, user_id, role) values (home, me, invitation.role);
  update invitations i set accepted_at = clock_timestamp()
    where i.organization_id = home and i.user_id = me and i.accepted_at is null;
  organization_id := home;
  is_new := true;
end $$;

/* Hides an invitation from its user. Returns false when there is none. */
create function decline_invitation(p_id uuid) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  update invitations i set declined_at = coalesce(i.declined_at, clock_timestamp())
    where i.id = p_id and i.user_id = current_user_id() and is_open(i);
  return found;
end $$;

/* Makes the user's requests for a further membership take turns until the transaction ends. */
create function lock_user() returns void
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
  perform from users u where u.id = current_user_id() for no key update;
end $$;

grant execute on function own_invitations(uuid, integer), accept_invitation(uuid, integer, integer), decline_invitation(uuid),
  lock_user() to celeriac_api;
