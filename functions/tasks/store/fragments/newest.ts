import type { Transaction } from '../../../database/connect.ts';
import type { Fragment } from './columns.ts';

/** Owner of the listed rows: one organization, or, when null, all organizations of a member. */
export type ListOwner = { organizationId: string | null; memberId: string };

type Newest = {
  table: 'tasks' | 'batches';
  whose: ListOwner;
  /** The conditions in two forms: on rows `t`, each with its `and`, and as a call of `newest_…_of_each`. */
  matching: Fragment;
  newestOfEach: Fragment;
  limit: number;
};

/**
 * Begins a statement with the relation `newest`: the newest matching rows, in no order.
 *
 * For many organizations, it first reads the newest row of each, with one short walk along the organization's index. Only the
 * first `limit` organizations by their newest rows can have rows on the page, and the last of these newest rows bounds the page
 * from below. So the cost is one look-up for each organization, and the rows of one page.
 */
export function newestRowsSql(
  tx: Transaction,
  { table, whose, matching, newestOfEach, limit }: Newest,
): Fragment {
  const rows = tx(table);
  if (whose.organizationId !== null) {
    return tx`
      with newest as (
        select * from ${rows} t
        where t.organization_id = ${whose.organizationId} ${matching}
        order by t.organization_id, t.id desc
        limit ${limit}
      )`;
  }
  return tx`
    with heads as materialized (
      select organization_id, id from ${newestOfEach}
    ), newest as (
      select t.* from heads cross join lateral (
        select * from ${rows} t
        where t.organization_id = heads.organization_id ${matching}
          and t.id >= coalesce((select id from heads order by id desc offset ${limit - 1}), '00000000-0000-0000-0000-000000000000')
        order by t.organization_id, t.id desc
        limit ${limit}
      ) t
      order by t.id desc
      limit ${limit}
    )`;
}
