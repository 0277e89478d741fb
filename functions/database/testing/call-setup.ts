import { v7 as uuidv7 } from 'uuid';
import type { TaskStatus } from '../../tasks/task.ts';
import type { Database } from '../connect.ts';
import type { Member } from './database-fixture.ts';

/** Rows for the calls of every store: a member's organization, and fresh rows for each call to use up. */
export type CallSetup = {
  admin: Database;
  member: Member;
  /** Creates due tasks of the member's organization in the given status. @returns their ids, ascending */
  made: (status: TaskStatus, count: number, given?: Partial<Made>) => Promise<string[]>;
  /** Creates a batch with tasks in the given status. */
  batch: (status: TaskStatus, count: number) => Promise<{ id: string; taskIds: string[] }>;
};

type Made = {
  batchId: string | null;
  concurrencyKey: string | null;
  uniqueKey: string | null;
  heldBy: string | null;
  waitsForNetwork: boolean;
  finishedDaysAgo: number;
};

const PLAIN: Made = {
  batchId: null,
  concurrencyKey: null,
  uniqueKey: null,
  heldBy: null,
  waitsForNetwork: false,
  finishedDaysAgo: 0,
};

export function callSetup(admin: Database, member: Member): CallSetup {
  const made: CallSetup['made'] = async (status, count, given = {}) => {
    const { batchId, concurrencyKey, uniqueKey, heldBy, waitsForNetwork, finishedDaysAgo } = {
      ...PLAIN,
      ...given,
    };
    const ids = Array.from({ length: count }, () => uuidv7());
    await admin`
      insert into tasks (id, organization_id, created_by, batch_id, kind, name, queue, status, scheduled_time, run_at,
        next_dispatch_at, lease_until, started_at, finished_at, attempt, max_retries, attempt_limit, error, unique_key,
        concurrency_key, concurrency_limit, waits_for_network, held_by)
      select u.id, ${member.organizationId}, ${member.userId}, ${batchId}::uuid, 'data.process', 'Task', 'interactive', s.status,
        now(), now(),
        case when s.status = 'SCHEDULED' then case when s.held_by is null then now() else 'infinity' end end,
        case when s.status = 'RUNNING' then now() - interval '1 second' end,
        case when s.status in ('RUNNING', 'COMPLETED', 'FAILED') then now() end,
        case when s.status in ('COMPLETED', 'FAILED', 'CANCELLED') then now() - ${finishedDaysAgo} * interval '1 day' end,
        case when s.status in ('RUNNING', 'COMPLETED', 'FAILED') then 1 else 0 end, 3, 4,
        case when s.status = 'FAILED' then '{"code":"x","message":"x"}'::jsonb end, ${uniqueKey}::text,
        ${concurrencyKey}::text, case when ${concurrencyKey}::text is not null then 10000 end, ${waitsForNetwork}, s.held_by
      from unnest(${ids}::uuid[]) as u(id), (select ${status}::text as status, ${heldBy}::text as held_by) s`;
    return ids;
  };
  return {
    admin,
    member,
    made,
    async batch(status, count) {
      const id = uuidv7();
      const taskIds = await made(status, count, { batchId: id });
      const ended = ['COMPLETED', 'FAILED', 'CANCELLED'].includes(status);
      await admin`
        insert into batches (id, organization_id, created_by, queue, total, completed, failed, cancelled, first_task_id,
          last_task_id, finished_at)
        values (${id}, ${member.organizationId}, ${member.userId}, 'bulk', ${count}, ${status === 'COMPLETED' ? count : 0},
          ${status === 'FAILED' ? count : 0}, ${status === 'CANCELLED' ? count : 0}, ${taskIds[0] ?? null}::uuid,
          ${taskIds.at(-1) ?? null}::uuid, ${ended ? new Date().toISOString() : null}::text::timestamptz)`;
      return { id, taskIds };
    },
  };
}

/** Creates a further user, who is not a member of any organization. */
export async function stranger({ admin }: CallSetup): Promise<string> {
  const id = uuidv7();
  await admin`insert into users (id, email, username, password_hash) values (${id}, ${id}, ${id}, '-')`;
  return id;
}
