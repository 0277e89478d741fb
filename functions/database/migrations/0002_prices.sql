create table watchlists (
  organization_id uuid not null references organizations on delete cascade,
  asset text not null check (asset ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  currency text not null default 'usd' check (currency ~ '^[a-z]{2,10}$'),
  created_at timestamptz not null default now(),
  primary key (organization_id, asset, currency)
);

-- One price per asset, currency and five-minute bucket, however many organizations follow it.
-- The digits are the provider's own: parsed from its text, never through a float.
create table price_ticks (
  asset text not null,
  currency text not null,
  bucket timestamptz not null check (extract(epoch from bucket)::bigint % 300 = 0),
  -- NaN and Infinity are numerics, too, and not less than Infinity.
  price numeric not null check (price > 0 and price < 'Infinity'),
  change_24h numeric check (change_24h >= -100 and change_24h < 'Infinity'),
  provider_updated_at timestamptz not null,
  fetched_at timestamptz not null default now(),
  source text not null,
  primary key (asset, currency, bucket)
);

-- The trace of every tick of the five-minute rule, also of those that brought nothing.
create table price_fetches (
  bucket timestamptz primary key,
  outcome text not null check (outcome in ('stored', 'partial', 'failed', 'nothing_watched')),
  stored integer not null default 0,
  detail jsonb not null default '{}',
  attempts integer not null default 1,
  finished_at timestamptz not null default now()
);

/*
 * Makes an organization with its owner and its first watchlist. Definer's rights, as nobody is a member of an
 * organization that does not exist yet.
 */
create function create_organization(p_id uuid, p_owner uuid, p_name text, p_personal boolean)
  returns setof organizations
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare made organizations;
begin
  -- Whoever is not registering a user can only make organizations of their own.
  if session_user <> 'celeriac_auth' and p_owner is distinct from current_user_id() then
    raise insufficient_privilege using message = 'an organization is made by its owner';
  end if;
  insert into organizations (id, name, personal, created_by) values (p_id, p_name, p_personal, p_owner) returning * into made;
  insert into memberships (organization_id, user_id, role) values (p_id, p_owner, 'owner');
  insert into watchlists (organization_id, asset) values (p_id, 'bitcoin'), (p_id, 'ethereum');
  return next made;
end $$;
