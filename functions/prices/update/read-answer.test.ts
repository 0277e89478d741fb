import fc from 'fast-check';
import { parse } from 'lossless-json';
import { expect, test } from 'vitest';
import type { Answer } from './ask-provider.ts';
import { readAnswer } from './read-answer.ts';

const BITCOIN = { asset: 'bitcoin', currency: 'usd' };
const MADE = 1711356300;
const BOUNDS = { freshFrom: new Date((MADE - 60) * 1000), latest: new Date((MADE + 60) * 1000) };

const read = (text: string, pairs = [BITCOIN]) => readAnswer(parse(text) as Answer, pairs, BOUNDS);
const quote = (usd: string, rest = `"last_updated_at":${MADE}`) => `{"bitcoin":{"usd":${usd},${rest}}}`;

test('a documented answer is read digit by digit', () => {
  const text =
    '{"bitcoin":{"usd":67187.3358936566,"usd_24h_change":3.637278946773539,"last_updated_at":1711356300}}';
  expect(read(text)).toEqual({
    readings: [
      {
        ...BITCOIN,
        price: '67187.3358936566',
        change24h: '3.637278946773539',
        updatedAt: new Date('2024-03-25T08:45:00Z'),
      },
    ],
    faults: [],
  });
});

const PRICES: [said: string, price: string | undefined, fault?: string][] = [
  ['1.5e-9', '0.0000000015'],
  ['1E3', '1000'],
  ['12345678901234567.123456789012345678', '12345678901234567.123456789012345678'],
  ['0', undefined, 'not_positive'],
  ['0.000', undefined, 'not_positive'],
  ['-1', undefined, 'not_positive'],
  ['1e18', undefined, 'absurd'],
  ['1e-31', undefined, 'absurd'],
  ['1e999999999', undefined, 'absurd'],
  [`1.${'1'.repeat(200)}`, undefined, 'absurd'],
  ['null', undefined, 'no_price'],
  ['"67187"', undefined, 'wrong_type'],
  ['true', undefined, 'wrong_type'],
  ['[1]', undefined, 'wrong_type'],
  ['{"value":1}', undefined, 'wrong_type'],
];
for (const [said, price, fault] of PRICES) {
  test(`a price of ${said.slice(0, 50)} is ${price ?? fault}`, () => {
    const { readings, faults } = read(quote(said));
    expect(readings.map((reading) => reading.price)).toEqual(price ? [price] : []);
    expect(faults.map((f) => f.fault)).toEqual(fault ? [fault] : []);
  });
}

const ENTRIES: [name: string, text: string, faults: string[], readings: number][] = [
  ['nothing', '{}', ['absent'], 0],
  ['null in place of the asset', '{"bitcoin":null}', ['wrong_type'], 0],
  ['a number in place of the asset', '{"bitcoin":1}', ['wrong_type'], 0],
  ['another currency only', `{"bitcoin":{"eur":1,"last_updated_at":${MADE}}}`, ['no_price'], 0],
  ['no time', '{"bitcoin":{"usd":1}}', ['no_time'], 0],
  ['a null time', quote('1', '"last_updated_at":null'), ['no_time'], 0],
  ['a time as text', quote('1', '"last_updated_at":"1711356300"'), ['no_time'], 0],
  ['a time in milliseconds', quote('1', '"last_updated_at":1711356300000'), ['no_time'], 0],
  ['a time of zero', quote('1', '"last_updated_at":0'), ['no_time'], 0],
  ['a time with a fraction', quote('1', '"last_updated_at":1711356300.5'), ['no_time'], 0],
  ['a time in the future', quote('1', `"last_updated_at":${MADE + 61}`), ['too_new'], 0],
  ['a time hours ago', quote('1', `"last_updated_at":${MADE - 7200}`), ['old'], 1],
  ['a change as text', quote('1', `"usd_24h_change":"3","last_updated_at":${MADE}`), ['change_ignored'], 1],
  [
    'a fall by more than all',
    quote('1', `"usd_24h_change":-100.1,"last_updated_at":${MADE}`),
    ['change_ignored'],
    1,
  ],
  ['a null change', quote('1', `"usd_24h_change":null,"last_updated_at":${MADE}`), [], 1],
  [
    'assets that nobody asked for',
    `{"dogecoin":{"usd":1},"bitcoin":{"usd":1,"last_updated_at":${MADE}}}`,
    [],
    1,
  ],
  [
    '__proto__ in place of the asset',
    `{"__proto__":{"bitcoin":{"usd":1,"last_updated_at":${MADE}}}}`,
    ['absent'],
    0,
  ],
];
for (const [name, text, expected, count] of ENTRIES) {
  test(`${name}: ${expected.join() || 'read without a fault'}`, () => {
    const { readings, faults } = read(text);
    expect(faults.map((f) => f.fault)).toEqual(expected);
    expect(readings).toHaveLength(count);
  });
}

test('an asset named like a member of every object is absent', () => {
  expect(read('{}', [{ asset: 'constructor', currency: 'usd' }]).faults).toMatchObject([{ fault: 'absent' }]);
});

test('the provider’s answer is quoted, cut to the size of a trace', () => {
  const [fault] = read(quote(`"\\u0000\\ud800${'😀'.repeat(100)}"`)).faults;
  expect(fault?.said?.length).toBeLessThanOrEqual(60);
  expect(fault?.said).not.toContain('\0');
  expect(fault?.said?.isWellFormed()).toBe(true);
});

test('whatever JSON comes, a reading is above zero and every pair has a reading or a fault', () => {
  const values = fc.jsonValue().map((value) => JSON.stringify(value));
  const numbers = fc.double().map((value) => JSON.stringify(value));
  const any = fc.oneof(values, numbers);
  fc.assert(
    fc.property(any, any, any, (usd, change, time) => {
      const rest = `"usd_24h_change":${change},"last_updated_at":${time}`;
      for (const when of [rest, `"usd_24h_change":${change},"last_updated_at":${MADE}`]) {
        const { readings, faults } = read(quote(usd, when));
        expect(readings.length + faults.length).toBeGreaterThan(0);
        for (const { price } of readings) {
          expect(price).toMatch(/^(0|[1-9]\d*)(\.\d+)?$/);
          expect(price).toMatch(/[1-9]/);
        }
      }
    }),
  );
});
