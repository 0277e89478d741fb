-- Whoever put an asset on a watchlist. A user may follow so many assets, in however many organizations. Nobody, for entries
-- from before and for those of a registration.
alter table watchlists add column followed_by uuid references users on delete set null;
create index watchlists_followed_by on watchlists (followed_by, asset) where followed_by is not null;

/*
 * How many assets the current user follows, besides the given one. Also in organizations that the user has left: to leave is
 * no way around the limit.
 */
create function followed_assets_besides(p_asset text) returns integer
  language sql stable security definer set search_path = public, pg_temp
begin atomic
  select count(distinct w.asset)::integer from watchlists w where w.followed_by = current_user_id() and w.asset <> p_asset;
end;

grant execute on function followed_assets_besides(text) to celeriac_api;

-- What has been followed for longest is asked for first.
grant select (created_at) on watchlists to celeriac_prices;
