import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bill, plus, times, total, type Usage } from './bill.ts';
import { PRICE_NAMES, PRICES } from './prices.ts';
import { REGIONS } from './unit-price.ts';

const anyTerms = fc.record({ region: fc.constantFrom(...REGIONS), freeTier: fc.boolean() });
const anyUsage: fc.Arbitrary<Usage> = fc.dictionary(
  fc.constantFrom(...PRICE_NAMES),
  fc.double({ min: 0, max: 1e9, noNaN: true }),
);

describe('a bill', () => {
  test('for nothing is empty and costs nothing', () => {
    expect(bill({}, { region: 'us-east-1', freeTier: false })).toEqual([]);
    expect(bill({ sqsRequests: 0 }, { region: 'us-east-1', freeTier: false })).toEqual([]);
    expect(total({}, { region: 'eu-central-1', freeTier: true })).toBe(0);
  });

  test('is linear without free amounts', () => {
    fc.assert(
      fc.property(
        anyUsage,
        fc.integer({ min: 0, max: 1000 }),
        fc.constantFrom(...REGIONS),
        (usage, factor, region) => {
          const terms = { region, freeTier: false };
          expect(closeTo(total(times(usage, factor), terms), factor * total(usage, terms))).toBe(true);
        },
      ),
    );
  });

  test('for two usages together is the sum of both where nothing is free', () => {
    fc.assert(
      fc.property(anyUsage, anyUsage, fc.constantFrom(...REGIONS), (one, other, region) => {
        const list = { region, freeTier: false };
        expect(closeTo(total(plus(one, other), list), total(one, list) + total(other, list))).toBe(true);
      }),
    );
  });

  test('is never negative, and never higher for what is free', () => {
    fc.assert(
      fc.property(anyUsage, anyTerms, (usage, { region }) => {
        const free = total(usage, { region, freeTier: true });
        expect(free).toBeGreaterThanOrEqual(0);
        expect(free).toBeLessThanOrEqual(total(usage, { region, freeTier: false }));
      }),
    );
  });
});

describe('the free amount', () => {
  const terms = { region: 'us-east-1', freeTier: true } as const;

  test('is free to its last unit, and what exceeds it is paid', () => {
    for (const name of PRICE_NAMES) {
      const { free, per, quotes } = PRICES[name];
      if (free === undefined) continue;
      expect(total({ [name]: free }, terms)).toBe(0);
      expect(total({ [name]: free + per }, terms)).toBeCloseTo(quotes['us-east-1'].usd, 9);
    }
  });

  test('of one thing pays for no other', () => {
    expect(total({ sqsRequests: 0, busEvents: 1e6 }, terms)).toBe(1);
  });
});

test('a million SQS requests cost 40 cents, and half an ACU costs 43.80 a month in us-east-1', () => {
  const terms = { region: 'us-east-1', freeTier: false } as const;
  expect(total({ sqsRequests: 1e6 }, terms)).toBeCloseTo(0.4, 9);
  expect(total({ auroraAcuHours: 0.5 * 730 }, terms)).toBeCloseTo(43.8, 9);
});

test('every price is positive in every region, and is for a positive number of units', () => {
  for (const { per, quotes } of Object.values(PRICES)) {
    expect(per).toBeGreaterThan(0);
    for (const region of REGIONS) expect(quotes[region].usd).toBeGreaterThan(0);
  }
});

const closeTo = (one: number, other: number) => Math.abs(one - other) <= 1e-9 * Math.max(1, one, other);
