alter table tasks
  -- Ids of the tasks whose results this one is given, by name. They stand here, and not with the dependencies, so that a name is still
  -- known when the task that it names is gone.
  add column inputs jsonb,
  -- Name of the task among the tasks of its bulk request.
  add column ref text;
