import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../database/testing/database-fixture.ts';
import { CHANGES, type Entrants, LOGINS } from './testing/race-entrants.ts';
import { type RaceSide, raceSide } from './testing/race-side.ts';
import { breaches, raceStages, type Stage } from './testing/race-stage.ts';

/*
 * Runs two requests at once: every pair of them, for every statement of the first. The first request stops at this
 * statement. The second request runs until it has answered or waits for a lock of the first. Then both run to their ends.
 */

/** Races are about statements. A slow hash adds no race, and two thousand hashes take minutes. */
vi.mock('../identity/password.ts', () => {
  const hashPassword = async (password: string) => `hash of ${password}`;
  return {
    hashPassword,
    verifyPassword: async (stored: string | null, password: string) =>
      stored === (await hashPassword(password)),
    isOutdated: () => false,
  };
});

let on: DatabaseFixture;
let first: RaceSide;
let second: RaceSide;
let nextStage: () => Promise<Stage>;
let documented: Record<string, Record<string, { responses: object }>>;

beforeAll(async () => {
  on = await databaseFixture();
  await on.admin.unsafe(`alter database ${on.database.name} set deadlock_timeout = '20ms'`);
  first = await raceSide(on);
  second = await raceSide(on, first.bucket);
  nextStage = await raceStages(on, first);
  const description = await first.api.request('/api/openapi.json');
  documented = ((await description.json()) as { paths: typeof documented }).paths;
});
afterAll(() => on.close());

/** Resolves when a connection of the second side waits for a lock. */
async function secondWaits(over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const [row] = await on.admin`
      select from pg_stat_activity where pid = any (string_to_array(${second.pids.join()}, ',')::int[]) and wait_event_type = 'Lock' limit 1`;
    if (row) return;
    await sleep(1);
  }
}

type Race = { statuses: (number | string | undefined)[]; wasHeld: boolean };

async function race(
  one: Entrants[string],
  other: Entrants[string],
  stage: Stage,
  step: number,
): Promise<Race> {
  first.steps.holdAt(step);
  const leading = one.run(first, stage);
  const wasHeld = await Promise.race([first.steps.held.then(() => true), leading.then(() => false)]);
  const over = new AbortController();
  const following = other.run(second, stage).finally(() => over.abort());
  following.catch(() => {});
  await Promise.race([following.catch(() => {}), secondWaits(over.signal)]);
  first.steps.release();
  const ended = await Promise.allSettled([leading, following]);
  const statuses = ended.map((end) => (end.status === 'fulfilled' ? end.value : `threw ${end.reason}`));
  return { statuses, wasHeld };
}

/** Returns the statuses that the API's own description lists for a route; undefined for an entrant that is not a request. */
function promised({ route }: Entrants[string]): string[] | undefined {
  if (route === undefined) return undefined;
  const [method = '', path = ''] = route.replace(/\/$/, '').split(' ');
  const named =
    path in documented
      ? path
      : Object.keys(documented).find((template) =>
          new RegExp(`^${template.replace(/\{\w+\}/g, '(?:\\{\\w+\\}|[^/{}]+)')}$`).test(path),
        );
  const operation = documented[named ?? '']?.[method.toLowerCase()];
  if (!operation) throw new Error(`The description of the API lacks ${route}`);
  return Object.keys(operation.responses);
}

const STEPS_AT_MOST = 40;

/** Milliseconds for one test, which runs about a hundred races. */
const TEST_MS = 240_000;

function everyPair(entrants: Entrants): void {
  for (const [name, one] of Object.entries(entrants)) {
    test(
      `${name}, while somebody wants to …`,
      async () => {
        const wrong: string[] = [];
        for (const [otherName, other] of Object.entries(entrants)) {
          for (let step = 1, wasHeld = true; wasHeld; step += 1) {
            expect(step).toBeLessThan(STEPS_AT_MOST);
            const stage = await nextStage();
            const where = `${name} at step ${step}, ${otherName}`;

            const { statuses, wasHeld: again } = await race(one, other, stage, step);
            wasHeld = again;
            const broken = await breaches(on.admin, stage);
            await on.admin`delete from organizations where id = ${stage.organization}`;
            const faults = [...first.faults.splice(0), ...second.faults.splice(0)];
            wrong.push(...[...broken, ...faults].map((what) => `${where}: ${what}`));
            for (const [at, entrant] of [one, other].entries()) {
              const status = statuses[at];
              const known = promised(entrant) ?? ['undefined', '200'];
              if (!known.includes(String(status)))
                wrong.push(`${where}: ${[name, otherName][at]} answered ${status}, of ${known}`);
            }
          }
        }
        expect(wrong).toEqual([]);
      },
      TEST_MS,
    );
  }
}

describe('changes of one organization', () => everyPair(CHANGES));

describe('logins of one account', () => everyPair(LOGINS));
