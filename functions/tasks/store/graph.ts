import type { Transaction } from '../../database/connect.ts';
import type { Batch, Task } from '../task.ts';
import { inBatchSql } from './fragments/bulk-selection.ts';

/** A task of a batch, with the ids of the tasks that it depends on. */
export type GraphTask = Pick<Task, 'id' | 'name' | 'ref' | 'kind' | 'status' | 'onFailure' | 'inputs'> & {
  dependsOn: readonly string[];
};

/** Lists tasks of a batch with their dependencies, in the order of their ids. @param afterId only tasks behind this one */
export async function graphTasks(
  tx: Transaction,
  { organizationId, ...batch }: Pick<Batch, 'id' | 'organizationId' | 'firstTaskId' | 'lastTaskId'>,
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<GraphTask[]> {
  return tx<GraphTask[]>`
    select t.id, t.name, t.ref, t.kind, t.status, t.on_failure as "onFailure", t.inputs,
      coalesce((select jsonb_agg(d.depends_on order by d.depends_on) from task_dependencies d where d.task_id = t.id), '[]')
        as "dependsOn"
    from tasks t
    where t.organization_id = ${organizationId} ${inBatchSql(tx, batch)} ${afterId ? tx`and t.id > ${afterId}` : tx``}
    order by t.organization_id, t.id
    limit ${limit}`;
}
