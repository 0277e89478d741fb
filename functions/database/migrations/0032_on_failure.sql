-- What becomes of a task when a task that it depends on fails or is cancelled.
alter table tasks add column on_failure text not null default 'cancel' check (on_failure in ('cancel', 'run'));
