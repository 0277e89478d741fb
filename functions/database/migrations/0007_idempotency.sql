-- Requests that carry an Idempotency-Key: what was asked, and what was answered.
create table idempotency_keys (
  user_id uuid not null references users on delete cascade,
  key text not null check (length(key) between 1 and 255),
  -- SHA-256 of method, path and body: the key of another request is not this one's.
  fingerprint bytea not null,
  -- Ids of what the request makes are counted up from here, so that repeating it makes the same things.
  seed uuid not null,
  -- While it is under way; a function that dies leaves it to whoever asks after that.
  locked_until timestamptz,
  status integer,
  body text,
  location text,
  expires_at timestamptz not null,
  primary key (user_id, key),
  constraint answered_or_under_way check ((status is null) = (body is null))
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy owner on idempotency_keys to celeriac_owner using (true) with check (true);

grant select, insert, update, delete on idempotency_keys to celeriac_api;
create policy mine on idempotency_keys to celeriac_api
  using (user_id = (select current_user_id())) with check (user_id = (select current_user_id()));
grant select, delete on idempotency_keys to celeriac_dispatcher;
create policy sweep on idempotency_keys to celeriac_dispatcher using (expires_at < clock_timestamp());
