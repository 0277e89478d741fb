import { afterAll, beforeAll, expect, test } from 'vitest';
import { callSetup } from './testing/call-setup.ts';
import { type Called, calledOn } from './testing/called.ts';
import { type DatabaseFixture, databaseFixture, type Member } from './testing/database-fixture.ts';
import { insertRows } from './testing/rows.ts';

/*
 * Cost in blocks of requests of a user with many memberships. The test detects a policy that is evaluated for each row of a
 * table. It also detects a policy that is evaluated for each user: a colleague has many memberships too, and such a policy reads
 * all that the two share. There are no further users, because Postgres reads so small a table whole if a statement lets it.
 */

const MEMBERSHIPS = 2_000;

/** Blocks for each membership in which a call looks for rows, or for each of a colleague's: three of an index, one of a table. */
const LOOK = 4;

/** Blocks for each row of a page, including the rows of other tables and policies. */
const ROW = 16;

/** Rows of a page: `GET /api/auth/me/` lists 1,000 organizations, other calls ask for 26. */
const rowsOf = (name: string) => (name === 'session identity.readOwnOrganizations' ? 1_000 : 26);

let on: DatabaseFixture;
let eve: Member;
let called: Called;

/** Makes the user a member of many organizations, each with a task, a batch, and a pause by `pausedBy`. */
async function enroll(user: Member, pausedBy: Member): Promise<void> {
  await on.admin.begin(async (tx) => {
    // Switches off foreign keys. Otherwise each row would be checked against the rows that it refers to.
    await tx`set local session_replication_role = replica`;
    await tx`create table many as select uuidv7(-n * interval '1 second') as id from generate_series(1, ${MEMBERSHIPS}::integer) n`;
    await tx`insert into organizations (id, name) select id, 'Many' from many`;
    await tx`insert into memberships (organization_id, user_id, role) select id, ${user.userId}, 'member' from many`;
    await tx`
      insert into tasks (id, organization_id, kind, name, queue, status, scheduled_time, run_at, max_retries, attempt_limit, finished_at)
      select id, id, 'data.process', 'Task', 'interactive', 'CANCELLED', now(), now(), 0, 1, now() from many`;
    await tx`insert into batches (id, organization_id, queue, total) select id, id, 'bulk', 1 from many`;
    await tx`
      insert into pauses (organization_id, scope, name, paused_by) select id, 'kind', 'http.request', ${pausedBy.userId} from many`;
    await tx`drop table many`;
  });
}

beforeAll(async () => {
  on = await databaseFixture();
  eve = await on.member();
  const bob = await on.member();
  await enroll(bob, bob);
  await enroll(eve, bob);
  // The newest of Bob's memberships, so that all others are read before it.
  await on.join(bob, eve.organizationId, 'viewer');
  await insertRows(on.admin, eve);
  await on.admin`vacuum analyze`;
  called = await calledOn(on, () => callSetup(on.admin, eve));
});
afterAll(() => on.close());

test('a request of somebody with many memberships looks at each of them once at most', async () => {
  const names = called.names.filter((name) => /^(api|session) /.test(name));
  // The first calls make the plans.
  await called.blocksOf(names);
  const counted = await called.blocksOf(names);
  const dear = [...counted].filter(([name, blocks]) => blocks > LOOK * MEMBERSHIPS + ROW * rowsOf(name));
  expect(dear).toEqual([]);
});
