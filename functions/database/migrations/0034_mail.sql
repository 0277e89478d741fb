/* Mail that tasks send: what may be sent, what was sent, and addresses that get nothing more. */

-- Addresses and domains that the installation sends from. Each deployment writes them, as it writes the quotas.
create table mail_senders (
  -- An address or a domain, in lower case and ASCII.
  identity text primary key check (length(identity) between 3 and 254)
);

-- A mail that was handed to the provider, or was about to be. The row is written before: whoever finds it later knows that the mail
-- may have been sent.
create table mail_sends (
  task_id uuid primary key references tasks on delete cascade,
  organization_id uuid not null references organizations on delete cascade,
  attempt integer not null check (attempt > 0),
  -- A row whose mail the provider has refused is removed.
  status text not null default 'begun' check (status in ('begun', 'sent', 'unknown')),
  result jsonb,
  begun_at timestamptz not null default clock_timestamp(),
  check ((status = 'sent') = (result is not null))
);
create index mail_sends_of_organization on mail_sends (organization_id);

-- Recipients of an organization's mail since a day began (UTC).
create table mail_usage (
  organization_id uuid primary key references organizations on delete cascade,
  day date not null,
  recipients integer not null check (recipients >= 0)
) with (fillfactor = 50);

-- When the provider takes the next recipient: the rate of its account, for all workers together. One row for each provider.
create table mail_pace (
  provider text primary key,
  next_at timestamptz not null
) with (fillfactor = 50);

-- Addresses to which an organization sends no mail any more. Addresses are in lower case, their domains in ASCII.
create table suppressions (
  organization_id uuid not null references organizations on delete cascade,
  address text not null check (length(address) between 3 and 254),
  reason text not null check (reason in ('bounce', 'complaint', 'unsubscribe', 'manual')),
  -- The mail server's own words about a bounce or a complaint.
  detail text check (length(detail) <= 500),
  -- No foreign key: the task is removed first.
  task_id uuid,
  created_by uuid references users on delete set null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organization_id, address)
);
create index suppressions_by_creator on suppressions (created_by) where created_by is not null;

-- The number of an organization's suppressions, so that a quota costs one row.
create table suppression_usage (
  organization_id uuid primary key references organizations on delete cascade,
  suppressions bigint not null check (suppressions >= 0)
) with (fillfactor = 50);

-- The key with which links for unsubscribing are signed: 244 random bits.
create table mail_keys (
  organization_id uuid primary key references organizations on delete cascade,
  key bytea not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
);

insert into quotas (name, value) values ('mail_recipients_per_day', 2000), ('suppressions_of_organization', 100000);

/*
 * Suppresses addresses. An address that is suppressed already keeps its first reason. Returns the number of new addresses; 0 when
 * the organization was deleted.
 */
create function suppress(p_organization uuid, p_addresses text[], p_reason text, p_detail text, p_task uuid) returns integer
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  added integer;
begin
  insert into suppressions (organization_id, address, reason, detail, task_id)
    select o.id, given.address, p_reason, p_detail, p_task
    from (select distinct address from unnest(p_addresses) a (address) order by address) given, organizations o
    where o.id = p_organization
    on conflict do nothing;
  get diagnostics added = row_count;
  if added > 0 then
    insert into suppression_usage as u values (p_organization, added)
      on conflict (organization_id) do update set suppressions = u.suppressions + excluded.suppressions;
  end if;
  return added;
end $$;

/*
 * Suppresses the address of a link for unsubscribing. Returns false when the link's signature is not valid. The signature is
 * sha256(key || sha256(key || address)): like HMAC, which Postgres does not have.
 */
create function unsubscribe(p_organization uuid, p_address text, p_signature bytea) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  secret bytea := (select k.key from mail_keys k where k.organization_id = p_organization);
begin
  if secret is null or p_signature <> sha256(secret || sha256(secret || convert_to(p_address, 'UTF8'))) then
    return false;
  end if;
  perform suppress(p_organization, array[p_address], 'unsubscribe', null, null);
  return true;
end $$;

revoke all on function suppress(uuid, text[], text, text, uuid), unsubscribe(uuid, text, bytea) from public;
grant execute on function suppress(uuid, text[], text, text, uuid) to celeriac_mail_events;
grant execute on function unsubscribe(uuid, text, bytea) to celeriac_api;

do $$
declare t text;
begin
  foreach t in array array['mail_senders', 'mail_sends', 'mail_usage', 'mail_pace', 'suppressions', 'suppression_usage', 'mail_keys'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
    execute format('create policy serve on %I to celeriac_worker using (true) with check (true)', t);
  end loop;
  foreach t in array array['suppressions', 'suppression_usage'] loop
    execute format('create policy read on %1$I for select to celeriac_api using (organization_id = (select entered_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) is not null)', t);
    execute format('create policy add on %1$I for insert to celeriac_api with check (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')', t);
    execute format('create policy change on %1$I for update to celeriac_api
      using (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')
      with check (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')', t);
    execute format('create policy remove on %1$I for delete to celeriac_api using (organization_id = (select entered_writable_organization())
      or (select m.role from memberships m where m.organization_id = %1$I.organization_id and m.user_id = (select current_user_id())) <> ''viewer'')', t);
  end loop;
end $$;

create policy read on mail_senders for select to celeriac_api using (true);

grant select on mail_senders to celeriac_api, celeriac_worker;
grant select, insert, delete on suppressions to celeriac_api;
grant select, insert, update (suppressions) on suppression_usage to celeriac_api;
grant select on suppressions to celeriac_worker;
grant select, insert, update (status, result), delete on mail_sends to celeriac_worker;
grant select, insert, update (day, recipients) on mail_usage to celeriac_worker;
grant select, insert, update (next_at) on mail_pace to celeriac_worker;
grant select, insert on mail_keys to celeriac_worker;
