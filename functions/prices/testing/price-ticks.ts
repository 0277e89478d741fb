import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Database } from '../../database/connect.ts';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { guardedFetch } from '../../fetch/client/guarded-fetch.ts';
import { textGetter } from '../../fetch/get-text.ts';
import { INTERVAL_SECONDS } from '../price.ts';
import { type UpdateDeps, updatePrices } from '../update/update-prices.ts';
import { type Arranged, arrange } from './organizations.ts';
import { type StandInProvider, startProvider } from './provider.ts';

export const BITCOIN = { asset: 'bitcoin', currency: 'usd' };
export const ETHEREUM = { asset: 'ethereum', currency: 'eur' };

/** Set-up of tests of price ticks. Each test gets new values for the fields below `arranged`. */
type PriceStage = {
  database: DatabaseFixture;
  admin: Database;
  db: Database;
  db2: Database;
  arranged: Arranged;
  provider: StandInProvider;
  logged: { level: string; fields: Record<string, unknown> }[];
  /** Number of statements that were sent. */
  statements: number;
  now: Date;
  /** Maximum seconds of one attempt, if shorter than the limit in the code. */
  attemptSeconds: number;
};

const fetch = guardedFetch({ loopback: 'allowed' });

/** Registers the set-up of a file with tests of price ticks. */
export function priceTicks() {
  const stage = {} as PriceStage;

  beforeAll(async () => {
    stage.database = await databaseFixture();
    stage.admin = stage.database.admin;
    stage.db = stage.database.as('prices');
    stage.db2 = stage.database.as('prices');
    stage.arranged = arrange(stage.database);
  });
  afterAll(() => stage.database.close());
  beforeEach(async () => {
    stage.provider = await startProvider();
    stage.logged = [];
    stage.statements = 0;
    stage.now = new Date();
    stage.attemptSeconds = Number.POSITIVE_INFINITY;
    // All prices have the time of the current event, even if the next five minutes have begun before a tick asks for them.
    const last_updated_at = String(Math.floor(stage.now.getTime() / 1000));
    for (const [asset, quote] of stage.provider.quotes)
      stage.provider.quotes.set(asset, { ...quote, last_updated_at });
    await stage.arranged.clear();
  });
  afterEach(() => stage.provider.close());

  /** Returns the connection, with a count of the statements that are sent on it. */
  const counted = (on: Database): Database =>
    new Proxy(on, {
      apply(target, self, args) {
        stage.statements += 1;
        return Reflect.apply(target as unknown as () => unknown, self, args);
      },
    });

  const deps = (on: Database): UpdateDeps => {
    // Pauses take no real time here, but they use up the budget.
    let slept = 0;
    return {
      db: counted(on),
      baseUrl: stage.provider.url,
      headers: {},
      fetchText: textGetter((request) =>
        fetch({
          ...request,
          followRedirects: false,
          timeoutSeconds: Math.min(stage.attemptSeconds, request.timeoutSeconds ?? 1),
        }),
      ),
      clock: {
        elapsed: () => performance.now() / 1000 + slept,
        random: () => 0,
        sleep: async (seconds) => {
          slept += seconds;
        },
      },
      log: (level, _message, fields) => stage.logged.push({ level, fields }),
    };
  };

  /** Returns the time of the event `n` ticks from the current one. */
  const event = (n = 0) => new Date(stage.now.getTime() + n * INTERVAL_SECONDS * 1000);

  return Object.assign(stage, {
    event,
    run: (n = 0, on = stage.db) => updatePrices(deps(on), event(n), 30),
    prices: async () =>
      (await stage.admin`select price::text from price_ticks order by bucket, asset, currency`).map(
        (row) => row.price,
      ),
    traces: () => stage.admin`select outcome, stored, attempts, detail from price_fetches order by bucket`,
  });
}
