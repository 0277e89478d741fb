import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from './connect.ts';
import { FUNCTION_ROLES } from './roles.ts';
import type { Call, RoleName } from './testing/calls.ts';
import { type Ground, groundOf } from './testing/ground.ts';
import { storeMuch } from './testing/much.ts';
import * as otherCalls from './testing/other-calls.ts';
import { type Stand, stand } from './testing/stand.ts';
import { TASKS } from './testing/task-calls.ts';

/*
 * Calls every function of every store as the roles that call it, and counts in pg_stat_statements how often Postgres plans a
 * statement, and how many blocks it looks at. `Calls` demands a call of each function, so a new statement is counted too.
 */

/** Blocks by which a call may grow when the tables do: indexes get a level higher. A whole table has several times as many. */
const GROWTH = 250;

/** Calls that read a whole table on purpose. */
const READS_ALL = new Map([
  ['prices plan', 'all that anybody follows, every five minutes'],
  ['dispatcher overdueConnections', 'all open connections and their sessions, every minute'],
]);

/** Calls whose plan, made while the tables were small, looks at more until the next analysis. */
const UNTIL_ANALYZED = new Map([
  [
    'api cancelMany 3',
    'the next stretch of a bulk action: also at what other organizations have created since',
  ],
]);

/** A busy machine is no failure. */
const TIMEOUT_MS = 600_000;

/** Rounds in which a statement must be planned each time to be reported: another test may fill the server's queue of invalidations, and then all plans are made once more. */
const ROUNDS = 3;

const ROLES = FUNCTION_ROLES.map((role) => role.replace('celeriac_', '') as RoleName);

/** The calls by their names: `worker claim`, `worker claim 2`. */
const CALLS = new Map<string, () => Promise<unknown>>(
  [TASKS, ...Object.values(otherCalls)].flatMap((ofStore) =>
    Object.entries(ofStore).flatMap(([name, byRole]) =>
      Object.entries(byRole as Partial<Record<RoleName, Call | readonly Call[]>>).flatMap(([role, calls]) =>
        [calls].flat().map((call: Call, index) => {
          const run = (): Promise<unknown> => call(sandboxes.get(role as RoleName) as Database, ground);
          return [`${role} ${name}${index ? ` ${index + 1}` : ''}`, run] as const;
        }),
      ),
    ),
  ),
);

let on: Stand;
let ground: Ground;
/** Each role has one connection for the whole file, as a sandbox has. */
let sandboxes: Map<RoleName, Database>;
/** Blocks of each call while the tables are small. */
let blocksWhenSmall: Map<string, number>;

beforeAll(async () => {
  on = await stand();
  ground = groundOf(on.admin, await on.member());
  sandboxes = new Map(ROLES.map((role) => [role, on.as(role)]));
  await on.admin`create extension pg_stat_statements`;
  await on.admin`alter database ${on.admin(on.database.name)} set pg_stat_statements.track_planning = on`;
  // Autovacuum would have plans made anew.
  for (const { name } of await on.admin<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`)
    await on.admin`alter table ${on.admin(name)} set (autovacuum_enabled = false)`;
  // Two organizations: of a single one, Postgres would learn that all tasks are the asked organization's.
  await callAll();
  await inNewOrganization();
  await callAll();
  await on.admin`analyze`;
  await inNewOrganization();
  await callAll();
  blocksWhenSmall = await blocksOf(CALLS.keys());
  await storeMuch(on.admin);
}, TIMEOUT_MS);
afterAll(() => on.close());

/** The next calls begin with an organization without tasks: lists and bulk actions may look at all that their own one has. */
async function inNewOrganization(): Promise<void> {
  ground = groundOf(on.admin, await on.member());
}

async function callAll(): Promise<void> {
  for (const run of CALLS.values()) await run();
}

const forgetCounts = () =>
  on.admin`select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()`;

/** Blocks that each call's statements look at, with all that happens inside of them. */
async function blocksOf(names: Iterable<string>): Promise<Map<string, number>> {
  const blocks = new Map<string, number>();
  for (const name of names) {
    await forgetCounts();
    await CALLS.get(name)?.();
    const [counted] = await on.admin<{ blocks: number }[]>`
      select coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::int8 as blocks
      from pg_stat_statements(false) s join pg_roles r on r.oid = s.userid
      where s.dbid = (select oid from pg_database where datname = current_database())
        and s.toplevel and r.rolname like 'celeriac\\_%'`;
    blocks.set(name, counted?.blocks ?? 0);
  }
  return blocks;
}

/** Calls that look at many more blocks than they did while the tables were small. The first look at new rows costs more, once. */
async function grown(except: ReadonlyMap<string, string>): Promise<string[]> {
  await inNewOrganization();
  let suspects: readonly string[] = [...CALLS.keys()].filter((name) => !except.has(name));
  let blocks = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    blocks = await blocksOf(suspects);
    suspects = suspects.filter((name) => (blocks.get(name) ?? 0) > (blocksWhenSmall.get(name) ?? 0) + GROWTH);
  }
  return suspects.map((name) => `${name}: ${blocksWhenSmall.get(name)} blocks, then ${blocks.get(name)}`);
}

/** Statements that are planned in each round, although nothing is analyzed. */
async function plannedAnew(): Promise<string[]> {
  const rounds: Set<string>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await forgetCounts();
    await callAll();
    const planned = await on.admin<{ role: string; query: string }[]>`
      select r.rolname as role, s.query from pg_stat_statements s join pg_roles r on r.oid = s.userid
      where s.dbid = (select oid from pg_database where datname = current_database())
        and s.plans > 0 and r.rolname like 'celeriac\\_%'`;
    rounds.push(new Set(planned.map(({ role, query }) => `${role}: ${query.replace(/\s+/g, ' ').trim()}`)));
  }
  return [...(rounds[0] ?? [])].filter((statement) => rounds.every((round) => round.has(statement)));
}

test(
  'a plan that was made while the tables were small and analyzed looks at little once they are large',
  async () => {
    expect(await grown(new Map([...READS_ALL, ...UNTIL_ANALYZED]))).toEqual([]);
  },
  TIMEOUT_MS,
);

describe('once the tables are large and analyzed', () => {
  beforeAll(async () => {
    await on.admin`vacuum analyze`;
    await callAll();
    await callAll();
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
