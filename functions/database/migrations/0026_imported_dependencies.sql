-- The tasks of an import may wait for others of its organization, and it is the worker that writes them.
grant insert on task_dependencies to celeriac_worker;
create policy add_imported on task_dependencies for insert to celeriac_worker with check (
  exists (select from tasks t where t.id = task_id and t.organization_id = task_dependencies.organization_id)
  and exists (select from tasks t where t.id = depends_on and t.organization_id = task_dependencies.organization_id)
);
