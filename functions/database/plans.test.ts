import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CallSetup, callSetup } from './testing/call-setup.ts';
import { type Called, calledOn } from './testing/called.ts';
import { type DatabaseFixture, databaseFixture } from './testing/database-fixture.ts';
import { storeMuch } from './testing/much.ts';

/*
 * Calls every function of every store as the roles that call it. It counts in pg_stat_statements how often Postgres plans a
 * statement, and how many blocks the statement reads. `Calls` demands a call of each function, so a new statement is counted too.
 */

/**
 * Blocks by which a call may grow when the tables do, because indexes get a level higher. A whole table has several times as
 * many.
 */
const GROWTH = 250;

/** Calls that read a whole table on purpose. */
const READS_ALL = new Map([
  ['prices prices.plan', 'all that anybody follows, every five minutes'],
  ['dispatcher realtime.overdueConnections', 'all open connections and their sessions, every minute'],
]);

/** Calls whose plan, made while the tables were small, reads more until the next analysis. */
const UNTIL_ANALYZED = new Map([
  [
    'api tasks.cancelMany 3',
    'the next step of a bulk action: also at what other organizations have created since',
  ],
  ['api tasks.listBatches 2', 'the newest batch of each organization: at all batches, along their ids'],
]);

/** A busy machine must not fail the test. */
const TIMEOUT_MS = 600_000;

/**
 * A statement is reported only when it is planned in each of these rounds. Another test may fill the server's queue of
 * invalidations, and then all plans are made once more.
 */
const ROUNDS = 3;

let on: DatabaseFixture;
let setup: CallSetup;
let called: Called;
/** Blocks of each call while the tables are small. */
let blocksWhenSmall: Map<string, number>;
/**
 * Statements that were planned anew after the tables had grown. Another test's invalidations may cause that: then the test starts
 * again.
 */
let forgotten: string[];

async function begin(): Promise<void> {
  on = await databaseFixture();
  setup = callSetup(on.admin, await on.member());
  called = await calledOn(on, () => setup);
  // Autovacuum would cause new plans.
  for (const { name } of await on.admin<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`)
    await on.admin`alter table ${on.admin(name)} set (autovacuum_enabled = false)`;
}

/**
 * Makes the next calls start with an organization without tasks. Lists and bulk actions may read all tasks of their own
 * organization.
 */
async function inNewOrganization(): Promise<void> {
  setup = callSetup(on.admin, await on.member());
}

/** Returns the calls that read many more blocks than while the tables were small. The first read of new rows costs more, once. */
async function grown(except: ReadonlyMap<string, string>): Promise<string[]> {
  await inNewOrganization();
  let suspects: readonly string[] = called.names.filter((name) => !except.has(name));
  let blocks = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    blocks = await called.blocksOf(suspects);
    suspects = suspects.filter((name) => (blocks.get(name) ?? 0) > (blocksWhenSmall.get(name) ?? 0) + GROWTH);
  }
  return suspects.map((name) => `${name}: ${blocksWhenSmall.get(name)} blocks, then ${blocks.get(name)}`);
}

/** Returns statements that are planned in each round, although nothing is analyzed. */
async function plannedAnew(): Promise<string[]> {
  const rounds: Set<string>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push(new Set(await called.plannedBy(called.names)));
  }
  return [...(rounds[0] ?? [])].filter((statement) => rounds.every((round) => round.has(statement)));
}

/** Makes plans while the tables are small and analyzed, then fills the tables. */
async function planAndGrow(): Promise<void> {
  await begin();
  // Two organizations. With only one, Postgres would learn that all tasks belong to the requested organization.
  await called.runAll();
  await inNewOrganization();
  await called.runAll();
  await on.admin`analyze`;
  await inNewOrganization();
  await called.runAll();
  blocksWhenSmall = await called.blocksOf(called.names);
  await storeMuch(on.admin);
  forgotten = await called.plannedBy(called.names);
}

beforeAll(async () => {
  await planAndGrow();
  for (let round = 1; forgotten.length > 0 && round < ROUNDS; round += 1) {
    await on.close();
    await planAndGrow();
  }
}, TIMEOUT_MS);
afterAll(() => on.close());

test(
  'a plan that was made then looks at little once they are large',
  async () => {
    expect(forgotten).toEqual([]);
    expect(await grown(new Map([...READS_ALL, ...UNTIL_ANALYZED]))).toEqual([]);
  },
  TIMEOUT_MS,
);

describe('once the tables are large and analyzed', () => {
  beforeAll(async () => {
    await on.admin`vacuum analyze`;
    await called.runAll();
    await called.runAll();
  }, TIMEOUT_MS);

  test(
    'no statement is planned again by a connection that has planned it',
    async () => {
      expect(await plannedAnew()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'a statement looks at little: no whole table, and no whole index',
    async () => {
      const [tasks] = await on.admin<{ blocks: number }[]>`
        select relpages as blocks from pg_class where relname = 'tasks'`;
      expect(tasks?.blocks).toBeGreaterThan(2 * GROWTH);
      expect(await grown(READS_ALL)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
