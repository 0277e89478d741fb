-- outside a transaction
-- Tasks with a place of those that wait for the network: what runs, and what waits for the organization's other bound alone.
create index concurrently if not exists tasks_network_places on tasks (organization_id)
  where waits_for_network and (status = 'RUNNING' or held_by = 'organization');
--> statement-breakpoint
create index concurrently if not exists tasks_network_places_of_user on tasks (created_by)
  where waits_for_network and (status = 'RUNNING' or held_by = 'organization');
--> statement-breakpoint
-- The organizations in which tasks of one user wait for such a place.
create index concurrently if not exists tasks_held_for_network on tasks (held_by, organization_id) where held_by like 'network:%';
--> statement-breakpoint
-- Tasks that have a place of their key, and wait for one of the network.
create index concurrently if not exists tasks_held_for_network_with_key on tasks (organization_id, concurrency_key)
  where held_by like 'network:%' and concurrency_key is not null;
