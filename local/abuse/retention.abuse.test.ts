import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../functions/database/testing/database-fixture.ts';
import { purge } from '../../functions/tasks/dispatcher/retention.ts';

/*
 * Tasks once ended faster than a fixed number per tick could remove them, and the table grew without bound.
 */

const TASKS = 100_000;

let on: DatabaseFixture;
let ada: Member;
beforeAll(async () => {
  on = await databaseFixture();
  ada = await on.member();
});
afterAll(() => on.close());

const left = async () => {
  const [row] = await on.admin<{ count: number }[]>`select count(*)::int from tasks`;
  return row?.count;
};

test('a tick removes 100,000 tasks when it has the time, and stops when the time is used', async () => {
  await on.admin.begin(async (tx) => {
    // Skips the foreign key checks of every row.
    await tx`set local session_replication_role = replica`;
    await tx`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, finished_at, max_retries, attempt_limit)
      select gen_random_uuid(), ${ada.organizationId}, 'data.process', 'Task', 'bulk', 'CANCELLED', at, at, at, 0, 1
      from (select now() - interval '40 days' - n * interval '1 second' as at from generate_series(1, ${TASKS}) n) t`;
  });
  await on.admin`update organizations set purged_at = '-infinity'`;
  await on.admin`analyze tasks`;
  const deps = { db: on.as('dispatcher'), removeArtifact: async () => {} };
  let steps = 3;
  const first = await purge(deps, () => {
    steps -= 1;
    return steps >= 0;
  });
  expect([first.removed, await left()]).toEqual([1_500, TASKS - 1_500]);
  // Tasks are kept for thirty days; these ended forty days ago.
  expect(first.overdueSeconds).toBeGreaterThanOrEqual(10 * 86_400);
  expect(await purge(deps, () => true)).toEqual({ removed: TASKS - 1_500, overdueSeconds: 0 });
  expect(await left()).toBe(0);
});
