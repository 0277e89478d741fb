import type { Transaction } from '../../database/connect.ts';

/** What an organization has paused. */
export type Pause = {
  organizationId: string;
  scope: 'kind' | 'queue';
  name: string;
  /** Username; null when the user is gone. */
  pausedBy: string | null;
  pausedAt: Date;
};

/** The pauses of the given organizations. */
export async function listPauses(tx: Transaction, organizationIds: readonly string[]): Promise<Pause[]> {
  return tx<Pause[]>`
    select p.organization_id as "organizationId", p.scope, p.name, u.username as "pausedBy", p.paused_at as "pausedAt"
    from pauses p left join users u on u.id = p.paused_by
    where p.organization_id = any (${organizationIds as string[]}::uuid[])
    order by p.paused_at desc, p.scope, p.name`;
}

/** Pauses a kind or a queue; what is paused already stays as it was. */
export async function addPause(
  tx: Transaction,
  { organizationId, scope, name }: Pick<Pause, 'organizationId' | 'scope' | 'name'>,
  userId: string,
): Promise<void> {
  await tx`
    insert into pauses (organization_id, scope, name, paused_by) values (${organizationId}, ${scope}, ${name}, ${userId})
    on conflict do nothing`;
}

/** @returns whether there was such a pause */
export async function removePause(
  tx: Transaction,
  { organizationId, scope, name }: Pick<Pause, 'organizationId' | 'scope' | 'name'>,
): Promise<boolean> {
  const gone = await tx`
    delete from pauses where organization_id = ${organizationId} and scope = ${scope} and name = ${name} returning 1`;
  return gone.length > 0;
}
