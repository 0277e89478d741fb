import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../connect.ts';
import type { Member } from './database-fixture.ts';

let buckets = 0;

/**
 * Inserts a row into every table in which a new member has no rows yet.
 *
 * @param expired sets the expiry of the rows that can expire into the past
 */
export async function insertRows(
  admin: Database,
  { userId, sessionId, organizationId }: Member,
  { expired = false } = {},
): Promise<void> {
  const [taskId, batchId, connectionId] = [uuidv7(), uuidv7(), uuidv7()];
  const until = new Date(Date.now() + (expired ? -60_000 : 3_600_000)).toISOString();
  buckets += 1;
  const bucket = new Date(buckets * 300_000).toISOString();
  await admin.begin(async (tx) => {
    if (expired) await tx`update sessions set expires_at = ${until} where id = ${sessionId}`;
    await tx`
      insert into refresh_tokens (token_hash, session_id, expires_at) values (${randomBytes(32)}, ${sessionId}, ${until})`;
    await tx`insert into login_failures values (${randomBytes(32)}, 1, ${until})`;
    await tx`insert into request_counts values (${randomBytes(32)}, 1, ${until})`;
    await tx`
      insert into audit_log (id, at, organization_id, actor_id, action)
      values (${uuidv7()}, now() - ${expired ? '91 days' : '1 day'}::interval, ${organizationId}, ${userId}, 'session.started')`;
    await tx`insert into signing_keys (kid, public_jwk) values (${uuidv7()}, '{}')`;
    await tx`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, next_dispatch_at,
        max_retries, attempt, attempt_limit)
      values (${taskId}, ${organizationId}, 'data.process', 'Task', 'interactive', 'SCHEDULED', now(), now(), now(), 1, 1, 2)`;
    await tx`
      insert into attempts (task_id, attempt, organization_id, outcome, started_at, finished_at)
      values (${taskId}, 1, ${organizationId}, 'retried', now(), now())`;
    await tx`insert into task_dependencies values (${taskId}, ${taskId}, ${organizationId})`;
    await tx`insert into batches (id, organization_id, queue, sealed) values (${batchId}, ${organizationId}, 'bulk', false)`;
    if (expired) {
      await tx`
        insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, max_retries, attempt_limit, finished_at)
        values (${uuidv7()}, ${organizationId}, 'data.process', 'Old', 'bulk', 'CANCELLED', now(), now(), 0, 1, now() - interval '2 days')`;
      await tx`
        insert into batches (id, organization_id, queue, finished_at)
        values (${uuidv7()}, ${organizationId}, 'bulk', now() - interval '2 days')`;
    }
    await tx`insert into pending_tasks values (${organizationId}, ${userId}, 0, 1)`;
    await tx`insert into near_bounds values (${organizationId}) on conflict do nothing`;
    await tx`insert into outbound_turns values (${organizationId}, 'a.example', ${until})`;
    await tx`insert into stopped_hosts (host) values (${`${organizationId}.example`})`;
    await tx`insert into pauses (organization_id, scope, name) values (${organizationId}, 'kind', 'no.kind')`;
    await tx`insert into connections values (${connectionId}, ${userId}, ${sessionId}, now(), ${until})`;
    await tx`insert into subscriptions values (${connectionId}, ${taskId})`;
    await tx`insert into batch_subscriptions values (${connectionId}, ${batchId})`;
    await tx`insert into ws_tickets values (${randomBytes(32)}, ${userId}, ${sessionId}, ${until})`;
    await tx`
      insert into idempotency_keys (user_id, key, fingerprint, seed, expires_at)
      values (${userId}, 'key', ${randomBytes(32)}, ${uuidv7()}, ${until})`;
    await tx`
      insert into uploads (id, organization_id, bytes, open_until) values (${uuidv7()}, ${organizationId}, 1, ${until})`;
    await tx`
      insert into artifacts (id, organization_id, name, media_type, bytes, status, open_until, expires_at)
      values (${uuidv7()}, ${organizationId}, 'file', 'text/csv', 1, ${expired ? 'deleted' : 'pending'}, ${until}, ${until})`;
    await tx`insert into artifact_usage values (${organizationId}, 1, 1)`;
    await tx`insert into mail_senders values (${`${organizationId}.example`})`;
    await tx`insert into mail_sends (task_id, organization_id, attempt) values (${taskId}, ${organizationId}, 1)`;
    await tx`insert into mail_usage values (${organizationId}, now(), 1)`;
    await tx`insert into mail_pace values (${organizationId}, now())`;
    await tx`insert into mail_keys values (${organizationId})`;
    await tx`
      insert into suppressions (organization_id, address, reason) values (${organizationId}, 'ada@example.com', 'bounce')`;
    await tx`insert into suppression_usage values (${organizationId}, 1)`;
    await tx`
      insert into invitations (id, organization_id, username, role, invited_by, expires_at)
      values (${uuidv7()}, ${organizationId}, 'nobody', 'member', ${userId}, ${until})`;
    await tx`insert into watchlists (organization_id, asset) values (${organizationId}, 'bitcoin')`;
    await tx`
      insert into price_ticks (asset, currency, bucket, price, provider_updated_at, source)
      values ('bitcoin', 'usd', ${bucket}, 1, now(), 'test')`;
    await tx`insert into price_fetches (bucket, outcome) values (${bucket}, 'stored')`;
  });
}
