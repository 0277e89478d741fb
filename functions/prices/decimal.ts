/** The parts of a JSON number. */
const JSON_NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Maximum characters. The longest real prices have about thirty. */
const MAX_TEXT = 100;
/** Maximum exponent of ten, positive or negative: limits the length to which a short text may expand. */
const MAX_EXPONENT = 100;

/**
 * Writes a JSON number without an exponent. No digit is lost, added or rounded: `6.5e1` becomes `65`, `1.50E-3` becomes
 * `0.00150`, and `67187.3358936566` stays unchanged.
 *
 * @returns undefined when the text is not a JSON number, is longer than 100 characters, or is beyond 10^±100
 */
export function plainDecimal(text: string): string | undefined {
  const [matched, sign, whole = '', fraction = '', exponentText = '0'] =
    text.length <= MAX_TEXT ? (JSON_NUMBER.exec(text) ?? []) : [];
  const exponent = Number(exponentText);
  if (matched === undefined || Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const before =
    digits
      .slice(0, Math.max(point, 0))
      .padEnd(point, '0')
      .replace(/^0+(?=\d)/, '') || '0';
  const after = point < 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  const minus = sign === '-' && /[1-9]/.test(digits) ? '-' : '';
  return minus + (after === '' ? before : `${before}.${after}`);
}

/** Compares plain decimals exactly: negative when `a` is smaller, 0 when both are equal. */
export function compareDecimals(a: string, b: string): number {
  const [x, y] = atOneScale(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Returns true when `after` differs from `before` by more than half of `before`. Both are plain decimals above zero. */
export function differsByMoreThanHalf(before: string, after: string): boolean {
  const [from, to] = atOneScale(before, after);
  const distance = to > from ? to - from : from - to;
  return 2n * distance > from;
}

function atOneScale(a: string, b: string): [bigint, bigint] {
  const scale = Math.max(fractionOf(a).length, fractionOf(b).length);
  return [scaled(a, scale), scaled(b, scale)];
}

function scaled(decimal: string, scale: number): bigint {
  return BigInt((decimal.split('.')[0] ?? '') + fractionOf(decimal).padEnd(scale, '0'));
}

function fractionOf(decimal: string): string {
  return decimal.split('.')[1] ?? '';
}
