import { expect, test } from 'vitest';
import { BITCOIN, priceTicks } from '../testing/price-ticks.ts';

const stage = priceTicks();
const { run, prices, traces } = stage;

test('a price that is hours old is stored with its own time, and the trace says so', async () => {
  await stage.arranged.organization([BITCOIN]);
  stage.provider.quotes.set('bitcoin', { usd: '67187.3358936566', last_updated_at: '1711356300' });
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  const [row] = await stage.admin`select provider_updated_at from price_ticks`;
  expect(row?.provider_updated_at).toEqual(new Date('2024-03-25T08:45:00Z'));
  expect((await traces())[0]?.detail).toMatchObject({ faults: { old: 1 } });
});

test('a price from the future is not stored', async () => {
  await stage.arranged.organization([BITCOIN]);
  stage.provider.quotes.set('bitcoin', {
    usd: '1',
    last_updated_at: String(Math.floor(Date.now() / 1000) + 600),
  });
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
    await stage.arranged.organization([BITCOIN]);
    for (const [n, [usd, rows]] of ticks.entries()) {
      // Old times, because the earlier buckets accept no current price.
      if (usd !== null) stage.provider.quotes.set('bitcoin', { usd, last_updated_at: '1711356300' });
      stage.provider.behave(usd === null ? 'down' : 'honest');
      await run(n - ticks.length);
      expect(await prices()).toEqual(rows);
    }
  });
}

test('a quarantined price is named in the trace, and the same event does not confirm it', async () => {
  await stage.arranged.organization([BITCOIN]);
  await run(-1);
  stage.provider.quotes.set('bitcoin', { usd: '1' });
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect((await traces())[1]?.detail).toMatchObject({
    held: { 'bitcoin/usd': '1' },
    pairs: [{ pair: 'bitcoin/usd', fault: 'held', said: '1' }],
  });
  expect(await prices()).toEqual(['67187.3358936566']);
});
