import postgres from 'postgres';
import { PAYLOAD } from '../measuring/contender.ts';

/** Opens connections as the superuser, for whom row-level security costs nothing. */
export function connect(url: string, connections: number): postgres.Sql {
  return postgres(url, { max: connections, onnotice: () => {} });
}

/** Creates an organization for the rows. @returns its id */
export async function organization(sql: postgres.Sql): Promise<string> {
  const [row] = await sql<{ id: string }[]>`
    insert into organizations (id, name) values (uuidv7(), 'Bench') returning id`;
  if (!row) throw new Error('No organization was made');
  return row.id;
}

/** Runs tasks from their insert to their end: four row writes for each task, in three statements with a commit each. */
export async function runBatch(sql: postgres.Sql, organizationId: string, size: number): Promise<void> {
  const rows = await sql<{ id: string }[]>`
    insert into tasks (id, organization_id, kind, name, payload, queue, status, scheduled_time, run_at, max_retries,
      attempt_limit, next_dispatch_at)
    select uuidv7(), ${organizationId}, 'data.process', 'noop', ${JSON.stringify(PAYLOAD)}::jsonb, 'bulk', 'SCHEDULED', now(), now(), 3, 4,
      now() + interval '5 minutes'
    from generate_series(1, ${size})
    returning id`;
  const ids = rows.map(({ id }) => id);
  await sql`
    update tasks set status = 'RUNNING', attempt = attempt + 1, lease_until = clock_timestamp() + interval '2 minutes',
      next_dispatch_at = null, started_at = clock_timestamp(), updated_at = clock_timestamp(), seq = seq + 1
    where id = any (${ids}::uuid[]) and status = 'SCHEDULED'`;
  await sql`
    with moved as (
      update tasks set status = 'COMPLETED', result = '{"message": "Data processed successfully"}', finished_at = clock_timestamp(),
        lease_until = null, updated_at = clock_timestamp(), seq = seq + 1
      where id = any (${ids}::uuid[]) and status = 'RUNNING'
      returning *
    )
    insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at)
    select id, attempt, organization_id, 'completed', started_at, updated_at from moved`;
}
