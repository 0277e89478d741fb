-- Postgres takes any function that returns rows to return a thousand: a person is a member of a few organizations.
alter function enter(uuid, uuid) rows 10;

-- Nobody looks for organizations with a bound: that of a task is found by its id.
drop index organizations_capped;
