import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import { type Stand, stand } from '../../database/testing/stand.ts';
import { guardedFetch } from '../../fetch/client/guarded-fetch.ts';
import { textGetter } from '../../fetch/get-text.ts';
import { INTERVAL_SECONDS } from '../price.ts';
import { type Arranged, arrange } from '../testing/organizations.ts';
import { type BehaviourName, type StandInProvider, startProvider } from '../testing/provider.ts';
import { type UpdateDeps, updatePrices } from './update-prices.ts';

const BITCOIN = { asset: 'bitcoin', currency: 'usd' };
const ETHEREUM = { asset: 'ethereum', currency: 'eur' };
const UNKNOWN = { asset: 'bitcorn', currency: 'usd' };

let provider: StandInProvider;
let database: Stand;
let admin: Database;
let db: Database;
let db2: Database;
let arranged: Arranged;
let logged: { level: string; fields: Record<string, unknown> }[];
let statements: number;
let now: Date;
/** Maximum seconds of one attempt, if shorter than the limit in the code. */
let patienceSeconds: number;

beforeAll(async () => {
  database = await stand();
  admin = database.admin;
  db = database.as('prices');
  db2 = database.as('prices');
  arranged = arrange(database);
});
afterAll(() => database.close());
beforeEach(async () => {
  provider = await startProvider();
  logged = [];
  statements = 0;
  now = new Date();
  patienceSeconds = Number.POSITIVE_INFINITY;
  // All prices have the time of the current event, even if the next five minutes have begun before a tick asks for them.
  const last_updated_at = String(Math.floor(now.getTime() / 1000));
  for (const [asset, quote] of provider.quotes) provider.quotes.set(asset, { ...quote, last_updated_at });
  await arranged.clear();
});
afterEach(() => provider.close());

/** Returns the connection, with a count of the statements that are sent on it. */
const counted = (on: Database): Database =>
  new Proxy(on, {
    apply(target, self, args) {
      statements += 1;
      return Reflect.apply(target as unknown as () => unknown, self, args);
    },
  });

const fetch = guardedFetch({ loopback: 'allowed' });

function deps(on = db): UpdateDeps {
  // Pauses take no real time here, but they use up the budget.
  let slept = 0;
  return {
    db: counted(on),
    baseUrl: provider.url,
    headers: {},
    fetchText: textGetter((request) =>
      fetch({
        ...request,
        followRedirects: false,
        timeoutSeconds: Math.min(patienceSeconds, request.timeoutSeconds ?? 1),
      }),
    ),
    clock: {
      elapsed: () => performance.now() / 1000 + slept,
      random: () => 0,
      sleep: async (seconds) => {
        slept += seconds;
      },
    },
    log: (level, _message, fields) => logged.push({ level, fields }),
  };
}

/** Returns the time of the event `n` ticks from the current one. */
const event = (n = 0) => new Date(now.getTime() + n * INTERVAL_SECONDS * 1000);
const run = (n = 0, on = db) => updatePrices(deps(on), event(n), 30);

const prices = async () =>
  (await admin`select price::text from price_ticks order by bucket, asset, currency`).map((row) => row.price);
const traces = () => admin`select outcome, stored, attempts, detail from price_fetches order by bucket`;

test('the union of all watchlists is fetched in one request and stored in two statements', async () => {
  await arranged.organization([BITCOIN, ETHEREUM]);
  await arranged.organization([BITCOIN]);
  const tick = await run();
  expect(tick).toMatchObject({ outcome: 'stored', stored: 2, repeated: false });
  expect(provider.requests).toHaveLength(1);
  const asked = Object.fromEntries(provider.requests[0]?.url.searchParams ?? []);
  expect({ ...asked, ids: asked.ids?.split(',').sort() }).toEqual({
    vs_currencies: 'eur,usd',
    include_last_updated_at: 'true',
    include_24hr_change: 'true',
    precision: 'full',
    // Assets without a price come in an order that differs from tick to tick.
    ids: ['bitcoin', 'ethereum'],
  });
  expect(statements).toBe(2);
  const rows = await admin`
    select asset, currency, price::text, change_24h::text, source, bucket from price_ticks order by asset`;
  expect(rows).toEqual([
    {
      ...BITCOIN,
      price: '67187.3358936566',
      change_24h: '3.637278946773539',
      source: 'coingecko',
      bucket: tick.bucket,
    },
    { ...ETHEREUM, price: '3198.62', change_24h: null, source: 'coingecko', bucket: tick.bucket },
  ]);
  expect(tick.bucket.getTime() % 300_000).toBe(0);
  expect(tick.bucket.getTime()).toBe(Math.floor(event().getTime() / 300_000) * 300_000);
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 2, attempts: 1 }]);
  expect(logged).toMatchObject([{ level: 'info', fields: { outcome: 'stored', stored: 2 } }]);
});

test('digits survive that no float has', async () => {
  await arranged.organization([BITCOIN]);
  for (const [n, [said, stored]] of [
    ['0.12345678901234567890123456789', '0.12345678901234567890123456789'],
    ['1.20e-1', '0.120'],
    ['0.1000', '0.1000'],
  ].entries()) {
    // An old time, because the earlier buckets accept no current price.
    provider.quotes.set('bitcoin', { usd: said ?? '', last_updated_at: '1711356300' });
    await run(n - 3);
    expect((await prices()).at(-1)).toBe(stored);
  }
});

test('when nothing is watched, nobody is asked', async () => {
  await arranged.organization();
  expect(await run()).toMatchObject({ outcome: 'nothing_watched', stored: 0 });
  expect(provider.requests).toEqual([]);
  expect(await traces()).toMatchObject([{ outcome: 'nothing_watched', attempts: 0 }]);
});

test('an event that comes twice finds its work done, whatever the price is by then', async () => {
  await arranged.organization([BITCOIN]);
  await run();
  provider.quotes.set('bitcoin', { usd: '67190' });
  statements = 0;
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 0, repeated: true });
  expect(provider.requests).toHaveLength(1);
  expect(statements).toBe(1);
  expect(await prices()).toEqual(['67187.3358936566']);
});

test('two events at once leave one row for each pair and one trace', async () => {
  await arranged.organization([BITCOIN, ETHEREUM]);
  const ticks = await Promise.all([run(0, db), run(0, db2)]);
  expect(ticks.reduce((sum, { stored }) => sum + stored, 0)).toBe(2);
  expect(await prices()).toHaveLength(2);
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 2 }]);
});

test('an event minutes late stores into its own bucket; much later its bucket takes no price from now', async () => {
  await arranged.organization([BITCOIN]);
  expect((await run(-1)).bucket.getTime()).toBe(Math.floor(event(-1).getTime() / 300_000) * 300_000);
  expect(await prices()).toHaveLength(1);
  expect(await run(-3)).toMatchObject({ outcome: 'failed', stored: 0 });
  expect(await prices()).toHaveLength(1);
  expect((await traces())[0]?.detail).toMatchObject({ faults: { too_new: 1 } });
});

test('an event from the future is refused', async () => {
  await expect(run(2)).rejects.toThrow('from the future');
  expect(await traces()).toEqual([]);
});

const MISBEHAVIOURS: [script: BehaviourName[], code: string, attempts: number][] = [
  [['down'], 'network', 3],
  [['silent'], 'timeout', 3],
  [['dripping'], 'timeout', 3],
  [['cut_off'], 'network', 3],
  [['truncated'], 'not_json', 3],
  [['rate_limited'], 'rate_limited', 3],
  [['rate_limited_long'], 'rate_limited', 1],
  [['broken'], 'provider_error', 3],
  [['unavailable'], 'provider_error', 3],
  [['key_refused'], 'request_refused', 1],
  [['html'], 'not_json', 3],
  [['empty'], 'not_json', 3],
  [['no_content'], 'unexpected_status', 1],
  [['list'], 'not_an_object', 3],
  [['text'], 'not_an_object', 3],
  [['not_a_number'], 'not_json', 3],
  [['twice'], 'not_json', 3],
  [['deep'], 'not_json', 3],
  [['huge'], 'too_large', 1],
  [['redirecting'], 'redirected', 1],
];
for (const [script, code, attempts] of MISBEHAVIOURS) {
  test(`a provider that is ${script.join()} leaves the trace ${code} and no row; the next tick stores`, async () => {
    await arranged.organization([BITCOIN]);
    provider.behave(...script);
    // Shortens the attempts of cases in which no answer comes.
    if (code === 'timeout') patienceSeconds = 1.5;
    expect(await run(-1)).toMatchObject({ outcome: 'failed', stored: 0 });
    expect(provider.requests).toHaveLength(attempts);
    expect(await prices()).toEqual([]);
    const [trace] = await traces();
    expect(trace).toMatchObject({ outcome: 'failed', stored: 0, attempts });
    expect(trace?.detail).toMatchObject({
      failures: Array(attempts).fill({ code }),
      faults: { no_answer: 1 },
    });
    expect(logged).toMatchObject([{ level: 'error', fields: { outcome: 'failed' } }]);
    provider.behave('honest');
    patienceSeconds = Number.POSITIVE_INFINITY;
    expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  });
}

test('a provider that recovers within the tick is asked again, politely', async () => {
  await arranged.organization([BITCOIN]);
  provider.behave('broken', 'rate_limited_briefly', 'honest');
  expect(await run()).toMatchObject({ outcome: 'stored' });
  expect(await traces()).toMatchObject([
    {
      attempts: 3,
      detail: { failures: [{ code: 'provider_error' }, { code: 'rate_limited', retry_after: 2 }] },
    },
  ]);
});

test('a tick that failed is made good when its event comes again', async () => {
  await arranged.organization([BITCOIN]);
  provider.behave('down', 'down', 'down', 'honest');
  await run();
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1, repeated: false });
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 1, attempts: 4 }]);
});

test('what one pair lacks does not keep the others from being stored', async () => {
  await arranged.organization([BITCOIN, ETHEREUM]);
  provider.quotes.set('bitcoin', { usd: '-1' });
  expect(await run()).toMatchObject({ outcome: 'partial', stored: 1 });
  const [trace] = await traces();
  expect(trace?.detail).toMatchObject({
    pairs: [{ pair: 'bitcoin/usd', fault: 'not_positive', said: '-1' }],
  });
  expect(logged).toMatchObject([{ level: 'warn' }]);
});

test('an id that the provider does not know is named, and makes no tick partial', async () => {
  await arranged.organization([BITCOIN, UNKNOWN]);
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  const [trace] = await traces();
  expect(trace?.detail).toMatchObject({ faults: { unknown_asset: 1 }, pairs: [{ pair: 'bitcorn/usd' }] });
});

test('an asset that had prices and is gone makes the tick partial', async () => {
  await arranged.organization([BITCOIN, ETHEREUM]);
  await run(-1);
  provider.quotes.delete('bitcoin');
  expect(await run()).toMatchObject({ outcome: 'partial', stored: 1 });
  expect((await traces())[1]?.detail).toMatchObject({ faults: { absent: 1 } });
});

test('a provider that knows nothing at all is a failure', async () => {
  await arranged.organization([BITCOIN]);
  provider.behave('nothing');
  expect(await run()).toMatchObject({ outcome: 'failed', stored: 0 });
});

test('a price that the provider made hours ago is stored with its own time, and the trace says so', async () => {
  await arranged.organization([BITCOIN]);
  provider.quotes.set('bitcoin', { usd: '67187.3358936566', last_updated_at: '1711356300' });
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  const [row] = await admin`select provider_updated_at from price_ticks`;
  expect(row?.provider_updated_at).toEqual(new Date('2024-03-25T08:45:00Z'));
  expect((await traces())[0]?.detail).toMatchObject({ faults: { old: 1 } });
});

test('a price from the future is not stored', async () => {
  await arranged.organization([BITCOIN]);
  provider.quotes.set('bitcoin', { usd: '1', last_updated_at: String(Math.floor(Date.now() / 1000) + 600) });
  expect(await run()).toMatchObject({ outcome: 'failed', stored: 0 });
  expect((await traces())[0]?.detail).toMatchObject({ faults: { too_new: 1 } });
});

/** The provider's price in each tick (null: the provider is down), and the rows of the table after it. */
const JUMPS: [name: string, ticks: [usd: string | null, rows: string[]][]][] = [
  ['a first price is believed', [['100', ['100']]]],
  [
    'a move of a half is stored',
    [
      ['100', ['100']],
      ['150', ['100', '150']],
      ['75', ['100', '150', '75']],
    ],
  ],
  [
    'a jump is held back and then forgotten',
    [
      ['100', ['100']],
      ['1000', ['100']],
      ['101', ['100', '101']],
    ],
  ],
  [
    'a jump is stored once the next tick confirms it',
    [
      ['100', ['100']],
      ['1000', ['100']],
      ['1010', ['100', '1010']],
    ],
  ],
  [
    'a fall is held back, too',
    [
      ['100', ['100']],
      ['49', ['100']],
      ['48', ['100', '48']],
    ],
  ],
  [
    'one jump does not confirm another',
    [
      ['100', ['100']],
      ['1000', ['100']],
      ['9000', ['100']],
      ['9000', ['100', '9000']],
    ],
  ],
  [
    'a jump waits through an outage',
    [
      ['100', ['100']],
      ['1000', ['100']],
      [null, ['100']],
      ['1000', ['100', '1000']],
    ],
  ],
];
for (const [name, ticks] of JUMPS) {
  test(name, async () => {
    await arranged.organization([BITCOIN]);
    for (const [n, [usd, rows]] of ticks.entries()) {
      // Old times, because the earlier buckets accept no current price.
      if (usd !== null) provider.quotes.set('bitcoin', { usd, last_updated_at: '1711356300' });
      provider.behave(usd === null ? 'down' : 'honest');
      await run(n - ticks.length);
      expect(await prices()).toEqual(rows);
    }
  });
}

test('a price that is held back is named in the trace, and the same event does not confirm it', async () => {
  await arranged.organization([BITCOIN]);
  await run(-1);
  provider.quotes.set('bitcoin', { usd: '1' });
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect((await traces())[1]?.detail).toMatchObject({
    held: { 'bitcoin/usd': '1' },
    pairs: [{ pair: 'bitcoin/usd', fault: 'held', said: '1' }],
  });
  expect(await prices()).toEqual(['67187.3358936566']);
});

test('a long union is bounded in calls and in its trace, and what others follow more or later pushes nothing out', async () => {
  const bucket = new Date(Math.floor(event(-1).getTime() / 300_000) * 300_000).toISOString();
  const names = Array.from({ length: 900 }, (_, n) => ({
    asset: `asset-${'x'.repeat(60)}-${n}`,
    currency: 'usd',
  }));
  const [known, unknown] = [names.slice(0, 450), names.slice(450)];
  await arranged.organization([BITCOIN]);
  await arranged.tick({ ...BITCOIN, bucket, price: '67000' });
  for (const pair of known) await arranged.tick({ ...pair, bucket, price: '1' });
  for (let n = 0; n < 3; n += 1) await arranged.organization([...known, ...unknown]);
  expect(await run()).toMatchObject({ stored: 1 });
  expect(provider.requests).toHaveLength(4);
  expect(provider.requests[0]?.url.searchParams.get('ids')).toMatch(/^bitcoin,/);
  expect(statements).toBe(2);
  const [trace] = await traces();
  expect(trace?.detail.faults.over_limit).toBeGreaterThan(0);
  expect(trace?.detail.pairs).toHaveLength(50);
  expect(JSON.stringify(trace?.detail).length).toBeLessThan(20_000);
});

test('a provider that fails is not asked for the rest of a long union', async () => {
  const many = Array.from({ length: 200 }, (_, n) => ({
    asset: `asset-${'x'.repeat(60)}-${n}`,
    currency: 'usd',
  }));
  await arranged.organization(many);
  provider.behave('key_refused');
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect(provider.requests).toHaveLength(1);
  expect((await traces())[0]?.detail.faults).toEqual({ no_answer: 200 });
});

test('the function’s role sees what is followed, and not by whom', async () => {
  await arranged.organization([BITCOIN]);
  expect(await db`select asset, currency from watchlists`).toEqual([BITCOIN]);
  await expect(db`select organization_id from watchlists`).rejects.toThrow('permission denied');
  await expect(db`select * from organizations`).rejects.toThrow('permission denied');
});

for (const price of ['NaN', 'Infinity', '0', '-1']) {
  test(`the table itself refuses a price of ${price}`, async () => {
    const bucket = '2026-01-01T00:00:00Z';
    await expect(arranged.tick({ ...BITCOIN, bucket, price })).rejects.toThrow('violates check constraint');
  });
}
