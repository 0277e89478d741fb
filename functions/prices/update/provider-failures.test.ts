import { expect, test } from 'vitest';
import { BITCOIN, ETHEREUM, priceTicks } from '../testing/price-ticks.ts';
import type { BehaviourName } from '../testing/provider.ts';

const UNKNOWN = { asset: 'bitcorn', currency: 'usd' };

const stage = priceTicks();
const { run, prices, traces } = stage;

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
    await stage.arranged.organization([BITCOIN]);
    stage.provider.behave(...script);
    // Shortens the attempts of cases in which no answer comes.
    if (code === 'timeout') stage.attemptSeconds = 1.5;
    expect(await run(-1)).toMatchObject({ outcome: 'failed', stored: 0 });
    expect(stage.provider.requests).toHaveLength(attempts);
    expect(await prices()).toEqual([]);
    const [trace] = await traces();
    expect(trace).toMatchObject({ outcome: 'failed', stored: 0, attempts });
    expect(trace?.detail).toMatchObject({
      failures: Array(attempts).fill({ code }),
      faults: { no_answer: 1 },
    });
    expect(stage.logged).toMatchObject([{ level: 'error', fields: { outcome: 'failed' } }]);
    stage.provider.behave('honest');
    stage.attemptSeconds = Number.POSITIVE_INFINITY;
    expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  });
}

test('a provider that recovers within the tick is asked again, after a pause', async () => {
  await stage.arranged.organization([BITCOIN]);
  stage.provider.behave('broken', 'rate_limited_briefly', 'honest');
  expect(await run()).toMatchObject({ outcome: 'stored' });
  expect(await traces()).toMatchObject([
    {
      attempts: 3,
      detail: { failures: [{ code: 'provider_error' }, { code: 'rate_limited', retry_after: 2 }] },
    },
  ]);
});

test('a failed tick is completed when its event is repeated', async () => {
  await stage.arranged.organization([BITCOIN]);
  stage.provider.behave('down', 'down', 'down', 'honest');
  await run();
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1, repeated: false });
  expect(await traces()).toMatchObject([{ outcome: 'stored', stored: 1, attempts: 4 }]);
});

test('a missing price does not prevent the others from being stored', async () => {
  await stage.arranged.organization([BITCOIN, ETHEREUM]);
  stage.provider.quotes.set('bitcoin', { usd: '-1' });
  expect(await run()).toMatchObject({ outcome: 'partial', stored: 1 });
  const [trace] = await traces();
  expect(trace?.detail).toMatchObject({
    pairs: [{ pair: 'bitcoin/usd', fault: 'not_positive', said: '-1' }],
  });
  expect(stage.logged).toMatchObject([{ level: 'warn' }]);
});

test('an id that the provider does not know is named, and the tick is not partial', async () => {
  await stage.arranged.organization([BITCOIN, UNKNOWN]);
  expect(await run()).toMatchObject({ outcome: 'stored', stored: 1 });
  const [trace] = await traces();
  expect(trace?.detail).toMatchObject({ faults: { unknown_asset: 1 }, pairs: [{ pair: 'bitcorn/usd' }] });
});

test('an asset that had prices and is missing makes the tick partial', async () => {
  await stage.arranged.organization([BITCOIN, ETHEREUM]);
  await run(-1);
  stage.provider.quotes.delete('bitcoin');
  expect(await run()).toMatchObject({ outcome: 'partial', stored: 1 });
  expect((await traces())[1]?.detail).toMatchObject({ faults: { absent: 1 } });
});

test('an answer without any price is a failure', async () => {
  await stage.arranged.organization([BITCOIN]);
  stage.provider.behave('nothing');
  expect(await run()).toMatchObject({ outcome: 'failed', stored: 0 });
});

test('after a failure, the rest of a long union is not fetched', async () => {
  const many = Array.from({ length: 200 }, (_, n) => ({
    asset: `asset-${'x'.repeat(60)}-${n}`,
    currency: 'usd',
  }));
  await stage.arranged.organization(many);
  stage.provider.behave('key_refused');
  expect(await run()).toMatchObject({ outcome: 'failed' });
  expect(stage.provider.requests).toHaveLength(1);
  expect((await traces())[0]?.detail.faults).toEqual({ no_answer: 200 });
});
