-- Held tasks of a lane by kind and queue, so that paused ones are passed over without reading them, and in the order in which
-- they are released.
create index tasks_held_in_order on tasks (organization_id, held_by, kind, queue, run_at, id) where held_by is not null;
drop index tasks_held;

-- Tasks that have a place of their key and wait for one of their organization.
create index tasks_held_with_place on tasks (organization_id, concurrency_key)
  where held_by = 'organization' and concurrency_key is not null;
