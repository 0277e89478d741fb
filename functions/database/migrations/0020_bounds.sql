/*
 * What one account may use of the installation. The migrating function writes the values of the stage at each deployment; the values
 * here are for a database that no deployment has touched. Code reads them by name, in the statement that needs them.
 */
create table quotas (
  name text primary key,
  value bigint not null check (value > 0)
);
insert into quotas (name, value) values
  ('running_requests_of_organization', 40),
  ('running_requests_of_user', 80),
  ('requests_per_second', 20),
  ('requests_at_once', 40);

-- Tasks of kinds that wait for the network are counted while they run: see store/network-places.ts.
alter table tasks add column waits_for_network boolean not null default false;

/*
 * When an organization may next send a request to a host, on any worker: see store/outbound.ts. A row is needed for some seconds only.
 */
create table outbound_turns (
  organization_id uuid not null references organizations on delete cascade,
  host text not null,
  next_at timestamptz not null,
  primary key (organization_id, host)
) with (fillfactor = 50);
create index outbound_turns_over on outbound_turns (next_at);

-- Hosts that no request may go to any more. An operator writes them: see docs/runbook.md.
create table stopped_hosts (
  -- In lower case, as in a URL; subdomains are stopped too.
  host text primary key check (host = lower(host) and length(host) between 1 and 253),
  reason text not null default '' check (length(reason) <= 500),
  stopped_at timestamptz not null default now()
);

do $$
declare t text;
begin
  foreach t in array array['quotas', 'outbound_turns', 'stopped_hosts'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner on %I to celeriac_owner using (true) with check (true)', t);
  end loop;
end $$;

grant select on quotas to celeriac_api, celeriac_worker, celeriac_dispatcher;
create policy obey on quotas for select to celeriac_api, celeriac_worker, celeriac_dispatcher using (true);

grant select, insert, update on outbound_turns to celeriac_worker;
create policy take_turns on outbound_turns to celeriac_worker using (true) with check (true);
grant select, delete on outbound_turns to celeriac_dispatcher;
create policy sweep on outbound_turns to celeriac_dispatcher using (next_at < clock_timestamp());

grant select on stopped_hosts to celeriac_worker;
create policy obey on stopped_hosts for select to celeriac_worker using (true);
grant select, insert, update, delete on stopped_hosts to celeriac_dispatcher;
create policy stop on stopped_hosts to celeriac_dispatcher using (true) with check (true);
