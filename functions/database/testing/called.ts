import type { Database } from '../connect.ts';
import { FUNCTION_ROLES } from '../roles.ts';
import type { CallSetup } from './call-setup.ts';
import type { Call, RoleName } from './calls.ts';
import type { DatabaseFixture } from './database-fixture.ts';
import { ORGANIZATIONS } from './organization-calls.ts';
import * as otherCalls from './other-calls.ts';
import { TASKS } from './task-calls.ts';

const ROLES = FUNCTION_ROLES.map((role) => role.replace('celeriac_', '') as RoleName);

/** Every function of every store, called as each role that calls it. Each role has one connection, as a sandbox has. */
export type Called = {
  /** `worker tasks.claim`, `worker tasks.claim 2` */
  names: string[];
  run: (name: string) => Promise<unknown>;
  runAll: () => Promise<void>;
  /** Runs calls, and returns the statements that Postgres planned for them. */
  plannedBy: (names: readonly string[]) => Promise<string[]>;
  /** Runs calls. @returns the blocks that the statements of each call read, nested calls included */
  blocksOf: (names: Iterable<string>) => Promise<Map<string, number>>;
};

/** @param setup rows for the calls, read anew at each call */
export async function calledOn(on: DatabaseFixture, setup: () => CallSetup): Promise<Called> {
  await on.admin`create extension pg_stat_statements`;
  await on.admin`alter database ${on.admin(on.database.name)} set pg_stat_statements.track_planning = on`;
  const sandboxes = new Map(ROLES.map((role) => [role, on.as(role)]));
  const calls = callsBy((role, call) => call(sandboxes.get(role) as Database, setup()));
  const run = async (name: string) => calls.get(name)?.();
  const forgetCounts = () =>
    on.admin`select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()`;
  /** Rows of pg_stat_statements for the statements of the functions. */
  const counted = on.admin`(
    select s.*, r.rolname as role from pg_stat_statements s join pg_roles r on r.oid = s.userid
    where s.dbid = (select oid from pg_database where datname = current_database()) and r.rolname like 'celeriac\\_%') s`;
  return {
    names: [...calls.keys()],
    run,
    async runAll() {
      for (const each of calls.values()) await each();
    },
    async plannedBy(names) {
      await forgetCounts();
      for (const name of names) await run(name);
      const planned = await on.admin<{ role: string; query: string }[]>`
        select s.role, s.query from ${counted} where s.plans > 0`;
      return planned.map(({ role, query }) => `${role}: ${query.replace(/\s+/g, ' ').trim()}`);
    },
    async blocksOf(names) {
      const blocks = new Map<string, number>();
      for (const name of names) {
        await forgetCounts();
        await run(name);
        const [sum] = await on.admin<{ blocks: number }[]>`
          select coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::int8 as blocks from ${counted} where s.toplevel`;
        blocks.set(name, sum?.blocks ?? 0);
      }
      return blocks;
    },
  };
}

function callsBy(run: (role: RoleName, call: Call) => Promise<unknown>): Map<string, () => Promise<unknown>> {
  const stores = [...Object.entries({ TASKS, ORGANIZATIONS }), ...Object.entries(otherCalls)];
  return new Map(
    stores.flatMap(([store, ofStore]) =>
      Object.entries(ofStore).flatMap(([name, byRole]) =>
        Object.entries(byRole as Partial<Record<RoleName, Call | readonly Call[]>>).flatMap(([role, given]) =>
          [given].flat().map((call: Call, index) => {
            const number = index ? ` ${index + 1}` : '';
            return [
              `${role} ${store.toLowerCase()}.${name}${number}`,
              () => run(role as RoleName, call),
            ] as const;
          }),
        ),
      ),
    ),
  );
}
