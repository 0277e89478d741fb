import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import type { DatabaseFixture } from '../../database/testing/database-fixture.ts';
import { signAccessToken } from '../../identity/access-token.ts';
import { hashRefreshToken } from '../../identity/refresh-token.ts';
import { ISSUER } from '../../identity/testing/auth-function.ts';
import { uploadKey } from '../../tasks/imports/uploads.ts';
import type { RaceSide } from './race-side.ts';

/** The people of a race. Two owners and a member belong to the organization. */
const PEOPLE = ['owner', 'coOwner', 'member', 'stranger'] as const;
export type Person = (typeof PEOPLE)[number];

/** An organization with an example of everything in it. Each race gets a new one. */
export type Stage = {
  people: Record<Person, Principal & { access: string; refresh: string; username: string }>;
  organization: string;
  /** Tasks with the statuses SCHEDULED, FAILED and RUNNING. */
  waiting: string;
  failed: string;
  running: string;
  batch: string;
  /** A batch whose import has not begun, and the task that imports it. */
  importing: string;
  importTask: string;
  upload: string;
  /** Invites the stranger. The other owner made it. */
  invitation: string;
  /** A WebSocket of the member that watches `waiting` and `batch`. */
  connection: string;
  /** A part of names that nobody has yet. */
  fresh: string;
};

/** Returns a function that prepares the stage of one race after the other, with the same people. */
export async function raceStages(on: DatabaseFixture, side: RaceSide): Promise<() => Promise<Stage>> {
  const { admin } = on;
  const users: Record<string, string> = {};
  for (const person of PEOPLE) users[person] = (await on.member()).userId;
  const { signing } = await side.keys();

  const person = async (name: Person) => {
    const principal = { userId: users[name] ?? '', sessionId: uuidv7() };
    const refresh = randomBytes(32).toString('base64url');
    const access = await signAccessToken({ issuer: ISSUER, key: signing }, principal);
    return [name, { ...principal, access, refresh, username: `${principal.userId}@example.com` }] as const;
  };

  return async () => {
    const people = Object.fromEntries(await Promise.all(PEOPLE.map(person))) as Stage['people'];
    const ids = () => uuidv7();
    const stage: Stage = {
      people,
      organization: ids(),
      waiting: ids(),
      failed: ids(),
      running: ids(),
      batch: ids(),
      importing: ids(),
      importTask: ids(),
      upload: ids(),
      invitation: ids(),
      connection: ids(),
      fresh: randomBytes(6).toString('hex'),
    };
    await write(admin, stage);
    side.objects.set(uploadKey(stage.organization, stage.upload), Buffer.from('{"name":"Task"}\n'));
    return stage;
  };
}

async function write(admin: Database, stage: Stage): Promise<void> {
  const { organization, waiting, failed, running, batch, importing, importTask, connection, people } = stage;
  const { owner, coOwner, member, stranger } = people;
  const all = Object.values(people);
  await admin`
    with o as (
      insert into organizations (id, name, created_by, purged_at)
      values (${organization}, 'Race', ${owner.userId}, now() - interval '1 hour')
    ), m as (
      insert into memberships (organization_id, user_id, role) values
        (${organization}, ${owner.userId}, 'owner'), (${organization}, ${coOwner.userId}, 'owner'),
        (${organization}, ${member.userId}, 'member')
    ), s as (
      insert into sessions (id, user_id, expires_at)
      select id, user_id, now() + interval '1 day'
      from unnest(${all.map(({ sessionId }) => sessionId)}::uuid[], ${all.map(({ userId }) => userId)}::uuid[]) as g(id, user_id)
    ), r as (
      insert into refresh_tokens (token_hash, session_id, expires_at)
      select decode(hash, 'hex'), session_id, now() + interval '1 day'
      from unnest(${all.map(({ refresh }) => hashRefreshToken(refresh).toString('hex'))}::text[],
        ${all.map(({ sessionId }) => sessionId)}::uuid[]) as g(hash, session_id)
    ), b as (
      insert into batches (id, organization_id, queue, total, failed, first_task_id, last_task_id, watchers, sealed, import_task_id)
      values (${batch}, ${organization}, 'bulk', 3, 1, ${waiting}, ${running}, array[${connection}], true, null),
        (${importing}, ${organization}, 'bulk', 0, 0, ${importing}, ${importing}, '{}', false, ${importTask})
    ), t as (
      insert into tasks (id, organization_id, created_by, batch_id, kind, name, queue, status, scheduled_time, run_at, max_retries,
        attempt, attempt_limit, next_dispatch_at, lease_until, started_at, finished_at, error, unique_key, watchers, payload)
      values
        (${waiting}, ${organization}, ${member.userId}, ${batch}, 'data.process', 'Task', 'bulk', 'SCHEDULED', now(), now(), 3,
          0, 4, now() + interval '5 minutes', null, null, null, null, 'waiting', array[${connection}], '{}'),
        (${failed}, ${organization}, ${member.userId}, ${batch}, 'data.process', 'Task', 'bulk', 'FAILED', now(), now(), 3,
          4, 4, null, null, now() - interval '40 days', now() - interval '40 days', '{"code":"x","message":"x"}', 'failed', '{}', '{}'),
        (${running}, ${organization}, ${member.userId}, ${batch}, 'data.process', 'Task', 'bulk', 'RUNNING', now(), now(), 3,
          1, 4, null, now() + interval '1 hour', now(), null, null, null, '{}', '{}'),
        (${importTask}, ${organization}, ${member.userId}, null, 'batch.import', 'Import', 'bulk', 'SCHEDULED', now(), now(), 3,
          0, 4, now() + interval '5 minutes', null, null, null, null, null, '{}',
          ${JSON.stringify({ batch: importing, upload: stage.upload, format: 'ndjson', queue: 'bulk', defaults: {}, partial: false })}::text::jsonb)
    ), i as (
      insert into invitations (id, organization_id, username, user_id, role, invited_by, expires_at)
      values (${stage.invitation}, ${organization}, 'invited', ${stranger.userId}, 'member', ${coOwner.userId},
        now() + interval '1 day')
    ), p as (
      insert into pauses (organization_id, scope, name) values (${organization}, 'queue', 'bulk')
    ), w as (
      insert into watchlists (organization_id, asset) values (${organization}, 'bitcoin')
    ), c as (
      insert into connections (id, user_id, session_id, expires_at)
      values (${connection}, ${member.userId}, ${member.sessionId}, now() + interval '1 hour')
    ), st as (
      insert into subscriptions (connection_id, task_id) values (${connection}, ${waiting})
    )
    insert into batch_subscriptions (connection_id, batch_id) values (${connection}, ${batch})`;
}

/** Checks the invariants that hold whichever side has won. @returns one line for each breach */
export async function breaches(admin: Database, { organization }: Stage): Promise<string[]> {
  const rows = await admin<{ breach: string }[]>`
    select 'an organization without an owner' as breach from organizations o
    where o.id = ${organization}
      and not exists (select from memberships m where m.organization_id = o.id and m.role = 'owner')
    union all
    select 'a batch of ' || b.total || ' counts otherwise than its tasks' from batches b
    join lateral (
      select count(*) as total, count(*) filter (where t.status = 'COMPLETED') as completed,
        count(*) filter (where t.status = 'FAILED') as failed, count(*) filter (where t.status = 'CANCELLED') as cancelled
      from tasks t where t.batch_id = b.id
    ) c on true
    where b.organization_id = ${organization}
      -- Retention deletes tasks and keeps the counts of the batch.
      and (c.completed > b.completed or c.failed > b.failed or c.cancelled > b.cancelled or c.total > b.total)
    union all
    select 'an organization that is gone owns ' || x.what from (
      select organization_id, 'tasks' as what from tasks union all select organization_id, 'batches' from batches
      union all select organization_id, 'attempts' from attempts where exists (select from tasks t where t.id = task_id)
      union all select organization_id, 'pauses' from pauses union all select organization_id, 'a watchlist' from watchlists
    ) x where x.organization_id = ${organization} and not exists (select from organizations o where o.id = x.organization_id)
    union all
    select 'a watcher of a task who is no member' from tasks t, unnest(t.watchers) w join connections c on c.id = w
    where t.organization_id = ${organization}
      and not exists (select from memberships m where m.organization_id = t.organization_id and m.user_id = c.user_id)
    union all
    select 'a task and its subscriptions disagree' from tasks t
    where t.organization_id = ${organization}
      and array(select unnest(t.watchers) order by 1)
        is distinct from array(select s.connection_id from subscriptions s where s.task_id = t.id order by 1)`;
  return rows.map(({ breach }) => breach);
}
