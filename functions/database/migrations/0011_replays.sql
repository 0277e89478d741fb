-- Organizations that a remembered answer is about: who is no longer a member of one of them does not get the answer again.
alter table idempotency_keys add column organization_ids uuid[] not null default '{}';
