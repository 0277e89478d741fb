import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareDecimals, differsByMoreThanHalf, plainDecimal } from './decimal.ts';

const EXAMPLES: [text: string, plain: string | undefined][] = [
  ['67187.3358936566', '67187.3358936566'],
  ['67187.50', '67187.50'],
  ['0', '0'],
  ['-0', '0'],
  ['-0.0', '0.0'],
  ['-12.5', '-12.5'],
  ['6.5e1', '65'],
  ['6.5E+2', '650'],
  ['1.50E-3', '0.00150'],
  ['0.5e1', '5'],
  ['0.005e1', '0.05'],
  ['1e-8', '0.00000001'],
  ['123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'],
  ['1e101', undefined],
  ['1e-101', undefined],
  ['1e99999999999999999999', undefined],
  ['9'.repeat(101), undefined],
  ['01', undefined],
  ['1.', undefined],
  ['.5', undefined],
  ['+1', undefined],
  ['1,5', undefined],
  ['0x10', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['', undefined],
  ['1 ', undefined],
  ['1\n', undefined],
  ['١', undefined],
];

for (const [text, plain] of EXAMPLES) {
  test(`${JSON.stringify(text.slice(0, 50))} is ${plain ?? 'not a number that is read'}`, () => {
    expect(plainDecimal(text)).toBe(plain);
  });
}

const digits = fc.stringMatching(/^\d{0,30}$/);
const jsonNumber = fc
  .record({
    minus: fc.constantFrom('', '-'),
    whole: fc.stringMatching(/^(0|[1-9]\d{0,20})$/),
    fraction: digits,
    exponent: fc.option(fc.integer({ min: -100, max: 100 }), { nil: undefined }),
  })
  .map(({ minus, whole, fraction, exponent }) => ({
    text: `${minus}${whole}${fraction && `.${fraction}`}${exponent === undefined ? '' : `e${exponent}`}`,
    // The same value in integers: coefficient · 10^power.
    coefficient: BigInt(`${minus}${whole}${fraction}`),
    power: (exponent ?? 0) - fraction.length,
  }));

test('a plain decimal has exactly the value of the text, and no exponent', () => {
  fc.assert(
    fc.property(jsonNumber, ({ text, coefficient, power }) => {
      const plain = plainDecimal(text) ?? '';
      expect(plain).toMatch(/^-?(0|[1-9]\d*)(\.\d+)?$/);
      const fraction = plain.split('.')[1] ?? '';
      const value = BigInt(plain.replace('.', ''));
      const shift = power + fraction.length;
      expect(shift >= 0 ? value : value * 10n ** BigInt(-shift)).toBe(
        shift >= 0 ? coefficient * 10n ** BigInt(shift) : coefficient,
      );
    }),
  );
});

test('a number without exponent keeps its text, trailing zeros included', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9]\d{0,20}(\.\d{1,30})?$/), (text) => {
      expect(plainDecimal(text)).toBe(text);
    }),
  );
});

test('a plain decimal is read as itself', () => {
  fc.assert(
    fc.property(jsonNumber, ({ text }) => {
      const plain = plainDecimal(text) ?? '';
      fc.pre(plain.length <= 100);
      expect(plainDecimal(plain)).toBe(plain);
    }),
  );
});

test('whatever the text, a number is returned or nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(plainDecimal(text) ?? '0').toMatch(/^-?(0|[1-9]\d*)(\.\d+)?$/);
    }),
  );
});

test('decimals compare by value, beyond what a float can tell apart', () => {
  expect(compareDecimals('0.1', '0.10')).toBe(0);
  expect(compareDecimals('9007199254740993', '9007199254740992')).toBe(1);
  expect(compareDecimals('-1.5', '-1.25')).toBe(-1);
  expect(compareDecimals('-0.5', '0')).toBe(-1);
});

const JUMPS: [before: string, after: string, more: boolean][] = [
  ['100', '150', false],
  ['100', '150.0000000000000000001', true],
  ['100', '50', false],
  ['100', '49.9', true],
  ['0.00000001', '0.0000000151', true],
  ['100', '100', false],
];
for (const [before, after, more] of JUMPS) {
  test(`from ${before} to ${after} is ${more ? 'more' : 'not more'} than half`, () => {
    expect(differsByMoreThanHalf(before, after)).toBe(more);
  });
}
