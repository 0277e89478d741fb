import type { Database } from '../connect.ts';

/** Rows of each table. A statement that reads all of them cannot be overlooked. */
export const STORED = 20_000;

/** Number of running tasks. Workers bound it, so some statements may read all of them. */
const RUNNING = 100;

/**
 * Fills the tables with rows of others: tasks in every status, users, sessions, batches, pauses, prices. None of these rows is
 * due or expired, and no call of the stores' functions asks for them.
 */
export async function storeMuch(admin: Database): Promise<void> {
  await admin.begin(async (tx) => {
    // Switches off foreign keys. Otherwise each row would be checked against the rows that it refers to.
    await tx`set local session_replication_role = replica`;
    // An ordinary table, because the schema of the first temporary table makes every connection forget its plans.
    await tx`
      create table many as
      select n, gen_random_uuid() as id, gen_random_uuid() as session_id, gen_random_uuid() as organization_id
      from generate_series(1, ${STORED}) n`;
    await tx`insert into users (id, email, username, password_hash) select id, id, id, '-' from many`;
    await tx`insert into sessions (id, user_id, expires_at) select session_id, id, now() + interval '1 day' from many`;
    await tx`
      insert into refresh_tokens (token_hash, session_id, expires_at)
      select sha256(convert_to(id::text, 'UTF8')), session_id, now() + interval '1 day' from many`;
    await tx`
      insert into login_failures select sha256(convert_to(id::text, 'UTF8')), 1, now() + interval '1 day' from many`;
    await tx`
      insert into request_counts select sha256(convert_to(id::text, 'UTF8')), 1, now() + interval '1 day' from many`;
    await tx`
      insert into audit_log (id, organization_id, actor_id, action) select id, organization_id, id, 'session.started' from many`;
    await tx`insert into organizations (id, name, max_running) select organization_id, 'Other', 5 from many`;
    await tx`insert into memberships (organization_id, user_id, role) select organization_id, id, 'owner' from many`;
    await tx`
      insert into invitations (id, organization_id, username, user_id, role, invited_by, expires_at)
      select id, organization_id, 'other', id, 'member', id, now() + interval '1 day' from many`;
    await tx`insert into pauses (organization_id, scope, name) select organization_id, 'kind', 'http.request' from many`;
    await tx`insert into watchlists (organization_id, asset) select organization_id, 'bitcoin' from many`;
    await tx`
      insert into uploads (id, organization_id, bytes, open_until, stored)
      select id, organization_id, 1, now() + interval '1 hour', n % 2 = 0 from many`;
    await tx`
      insert into artifacts (id, organization_id, name, media_type, bytes, sha256, status, task_id, attempt, open_until, expires_at)
      select id, organization_id, 'file', 'text/csv', 1, repeat('0', 64), (array['ready', 'pending', 'deleted'])[n % 3 + 1], id, 1,
        now() + interval '1 hour', now() + interval '1 day'
      from many`;
    await tx`insert into artifact_usage select organization_id, 1, 1 from many`;
    await tx`
      insert into connections (id, user_id, session_id, expires_at)
      select id::text, id, session_id, now() + interval '1 hour' from many`;
    await tx`
      insert into ws_tickets (ticket_hash, user_id, session_id, expires_at)
      select sha256(convert_to(id::text, 'UTF8')), id, session_id, now() + interval '1 hour' from many`;
    await tx`
      insert into idempotency_keys (user_id, key, fingerprint, seed, expires_at)
      select id, 'key', '', id, now() + interval '1 day' from many`;
    await tx`
      insert into batches (id, organization_id, queue, total) select id, organization_id, 'bulk', 1 from many`;
    await tx`
      insert into price_ticks (asset, currency, bucket, price, provider_updated_at, source)
      select 'bitcoin', 'usd', to_timestamp(300 * (1000 + n)), 1, now(), 'test' from many`;
    await tx`insert into price_fetches (bucket, outcome) select to_timestamp(300 * (1000 + n)), 'stored' from many`;
    await tx`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        lease_until, started_at, finished_at, attempt, max_retries, attempt_limit)
      select id, organization_id, 'data.process', 'Task', 'interactive', status, at, at, case when status = 'SCHEDULED' then at end,
        case when status = 'RUNNING' then at end, case when status in ('RUNNING', 'COMPLETED') then now() end,
        case when status = 'COMPLETED' then now() end, case when status in ('RUNNING', 'COMPLETED') then 1 else 0 end, 0, 1
      from many cross join lateral (
        select now() + interval '1 day' + n * interval '1 second' as at,
          case when n > ${STORED - RUNNING} then 'RUNNING' else (array['SCHEDULED', 'COMPLETED', 'PENDING'])[n % 3 + 1] end as status
      ) t`;
    await tx`
      insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at)
      select id, 1, organization_id, 'completed', now(), now() from many`;
    await tx`insert into task_dependencies select id, id, organization_id from many`;
    await tx`insert into subscriptions select id::text, id from many`;
    await tx`insert into batch_subscriptions select id::text, id from many`;
    await tx`drop table many`;
  });
}
