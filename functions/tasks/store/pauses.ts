import type { Transaction } from '../../database/connect.ts';
import type { ListOwner } from './fragments/newest.ts';

/** A pause of a kind or a queue in an organization. */
export type Pause = {
  organizationId: string;
  scope: 'kind' | 'queue';
  name: string;
  /** Username; null when the user is gone. */
  pausedBy: string | null;
  pausedAt: Date;
};

export type PauseKey = Pick<Pause, 'organizationId' | 'scope' | 'name'>;

/** Lists pauses, by organization (the newest first), then scope and name. @param after only pauses behind this one */
export async function listPauses(
  tx: Transaction,
  { organizationId, memberId, after }: ListOwner & { after: PauseKey | null },
  limit: number,
): Promise<Pause[]> {
  // The query takes one short walk along each organization's key. It ends with the page, because the organizations come in the
  // page's order. Each user of the page is looked up once: a join may read all users, and evaluate the policy for each of them.
  return tx<Pause[]>`
    with page as materialized (
      select p.* from memberships mine cross join lateral (
        select * from pauses p
        where p.organization_id = mine.organization_id
          ${after ? tx`and (p.organization_id < ${after.organizationId} or (p.scope, p.name) > (${after.scope}, ${after.name}))` : tx``}
        order by p.organization_id, p.scope, p.name
        limit ${limit}
      ) p
      where mine.user_id = ${memberId}
        ${organizationId ? tx`and mine.organization_id = ${organizationId}` : tx``}
        ${after ? tx`and mine.organization_id <= ${after.organizationId}` : tx``}
      order by mine.organization_id desc, p.scope, p.name
      limit ${limit}
    ), names as materialized (
      select u.id, u.username from users u where u.id = any (array(select distinct page.paused_by from page))
    )
    select p.organization_id as "organizationId", p.scope, p.name, names.username as "pausedBy", p.paused_at as "pausedAt"
    from page p left join names on names.id = p.paused_by
    order by p.organization_id desc, p.scope, p.name`;
}

export async function findPause(
  tx: Transaction,
  { organizationId, scope, name }: PauseKey,
): Promise<Pause | undefined> {
  const [pause] = await tx<Pause[]>`
    select p.organization_id as "organizationId", p.scope, p.name, p.paused_at as "pausedAt",
      (select u.username from users u where u.id = p.paused_by) as "pausedBy"
    from pauses p
    where p.organization_id = ${organizationId} and p.scope = ${scope} and p.name = ${name}`;
  return pause;
}

/** Pauses a kind or a queue. An existing pause stays as it was. */
export async function addPause(
  tx: Transaction,
  { organizationId, scope, name }: PauseKey,
  userId: string,
): Promise<void> {
  await tx`
    insert into pauses (organization_id, scope, name, paused_by) values (${organizationId}, ${scope}, ${name}, ${userId})
    on conflict do nothing`;
}

/** @returns true when there was such a pause */
export async function removePause(
  tx: Transaction,
  { organizationId, scope, name }: PauseKey,
): Promise<boolean> {
  const gone = await tx`
    delete from pauses where organization_id = ${organizationId} and scope = ${scope} and name = ${name} returning 1`;
  return gone.length > 0;
}
