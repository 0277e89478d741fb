import type { Database, Transaction } from '../../database/connect.ts';
import type { SuppressionReason } from '../suppression.ts';

/** The attempt of a task that sends. */
export type Sender = { taskId: string; attempt: number };

/** Stored facts about the mail of a task, before the attempt sends it. */
export type Prepared<Result> = {
  organizationId: string;
  /** A mail that was handed to the provider before, or was about to be. */
  earlier: {
    status: 'begun' | 'sent' | 'unknown';
    attempt: number;
    result: Result | null;
    begunAt: Date;
  } | null;
  /** True when the installation may send from the address. */
  isSender: boolean;
  suppressed: readonly { address: string; reason: SuppressionReason }[];
  /** Seconds until the provider takes the mail. */
  waitSeconds: number;
  /** False when the wait would be too long. Then no turn was taken. */
  hasTurn: boolean;
};

/**
 * Looks up what an attempt must know before it sends, and takes the mail's turn with the provider. All workers share the turns (the
 * generic cell rate algorithm). A mail to ten recipients takes ten turns.
 *
 * @param options.identities the address that sends, and its domain
 * @param options.recipientsPerSecond rate of the provider; null for no rate
 * @returns undefined when the attempt does not have the task any more
 */
export async function prepareSend<Result>(
  db: Database,
  { taskId, attempt }: Sender,
  options: {
    identities: readonly string[];
    addresses: readonly string[];
    provider: string;
    recipientsPerSecond: number | null;
    longestSeconds: number;
  },
): Promise<Prepared<Result> | undefined> {
  const { identities, addresses, provider, recipientsPerSecond, longestSeconds } = options;
  const [row] = await db<Prepared<Result>[]>`
    with mine as materialized (
      select t.id, t.organization_id from tasks t
      where t.id = ${taskId} and t.attempt = ${attempt} and t.status = 'RUNNING'
    ), earlier as materialized (
      select s.status, s.attempt, s.result, s.begun_at from mail_sends s where s.task_id = ${taskId}
    ), wanted as materialized (
      select ${addresses.length} * interval '1 second' / ${recipientsPerSecond}::float8 as gap from mine
      where ${recipientsPerSecond}::float8 is not null and not exists (select from earlier)
    ), turn as (
      insert into mail_pace as p (provider, next_at) select ${provider}, clock_timestamp() + gap from wanted
      on conflict (provider) do update set next_at = greatest(p.next_at, clock_timestamp()) + (select gap from wanted)
      where p.next_at <= clock_timestamp() + ${longestSeconds} * interval '1 second'
      returning p.next_at
    )
    select mine.organization_id as "organizationId",
      (select jsonb_build_object('status', e.status, 'attempt', e.attempt, 'result', e.result, 'begunAt', e.begun_at) from earlier e) as earlier,
      exists (select from mail_senders m where m.identity = any (${identities as string[]}::text[])) as "isSender",
      coalesce((
        select jsonb_agg(jsonb_build_object('address', s.address, 'reason', s.reason))
        from suppressions s
        where s.organization_id = mine.organization_id and s.address = any (${addresses as string[]}::text[])
      ), '[]') as suppressed,
      coalesce((select greatest(0, extract(epoch from turn.next_at - wanted.gap - clock_timestamp())) from turn, wanted), 0)::float8
        as "waitSeconds",
      exists (select from turn) or not exists (select from wanted) as "hasTurn"
    from mine`;
  if (!row) return undefined;
  const { earlier } = row;
  return { ...row, earlier: earlier && { ...earlier, begunAt: new Date(earlier.begunAt) } };
}

/** Why a mail is not sent now. */
export type NotBegun = 'attempt_lost' | 'quota_reached' | 'begun_before';

/**
 * Records that a mail is about to be handed to the provider, and counts its recipients for the organization's day. A second call of
 * the attempt finds its own record.
 *
 * @returns undefined when the mail may be sent now
 */
export async function beginSend(
  db: Database,
  { taskId, attempt }: Sender,
  recipients: number,
): Promise<NotBegun | undefined> {
  const [row] = await db<{ isMine: boolean; isCounted: boolean; isBegun: boolean }[]>`
    with mine as materialized (
      select t.id, t.organization_id from tasks t
      where t.id = ${taskId} and t.attempt = ${attempt} and t.status = 'RUNNING' and t.cancel_requested_at is null
    ), today as materialized (
      select (clock_timestamp() at time zone 'UTC')::date as day, q.value as most from quotas q where q.name = 'mail_recipients_per_day'
    ), counted as (
      insert into mail_usage as u (organization_id, day, recipients)
      select mine.organization_id, today.day, ${recipients} from mine, today where ${recipients} <= today.most
      on conflict (organization_id) do update
      set day = excluded.day, recipients = excluded.recipients + case when u.day = excluded.day then u.recipients else 0 end
      where u.day <> excluded.day or u.recipients + excluded.recipients <= (select most from today)
      returning u.organization_id
    ), begun as (
      insert into mail_sends as s (task_id, organization_id, attempt)
      select mine.id, mine.organization_id, ${attempt} from mine join counted using (organization_id)
      on conflict (task_id) do update set status = s.status where s.attempt = excluded.attempt and s.status = 'begun'
      returning s.task_id
    )
    select exists (select from mine) as "isMine", exists (select from counted) as "isCounted", exists (select from begun) as "isBegun"`;
  if (!row?.isMine) return 'attempt_lost';
  if (!row.isCounted) return 'quota_reached';
  return row.isBegun ? undefined : 'begun_before';
}

/** Records that the provider has the mail. */
export async function recordSent(db: Database, { taskId, attempt }: Sender, result: string): Promise<void> {
  await db`
    update mail_sends set status = 'sent', result = ${result}::jsonb
    where task_id = ${taskId} and attempt = ${attempt} and status in ('begun', 'unknown')`;
}

/**
 * Records that nobody knows if the provider has the mail.
 *
 * @param attempt the attempt that has begun to send
 */
export async function recordUnknown(db: Database, { taskId, attempt }: Sender): Promise<void> {
  await db`
    update mail_sends set status = 'unknown'
    where task_id = ${taskId} and attempt = ${attempt} and status = 'begun'`;
}

/** Removes the record of a mail that the provider has refused, so that another attempt may send it. */
export async function forgetSend(db: Database, { taskId, attempt }: Sender): Promise<void> {
  await db`delete from mail_sends where task_id = ${taskId} and attempt = ${attempt} and status = 'begun'`;
}

/** Returns those of the lists of identities of which none is a sender, by their places. */
export async function missingSenders(
  on: Database | Transaction,
  identities: readonly (readonly [address: string, domain: string])[],
): Promise<number[]> {
  const addresses = identities.map(([address]) => address);
  const domains = identities.map(([, domain]) => domain);
  const rows = await on<{ place: number }[]>`
    select given.place::int - 1 as place
    from unnest(${addresses}::text[], ${domains}::text[]) with ordinality as given (address, domain, place)
    where not exists (select from mail_senders m where m.identity in (given.address, given.domain))`;
  return rows.map(({ place }) => place);
}
