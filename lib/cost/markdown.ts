/** Returns a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Returns `$1.23`, an empty text for undefined, and `<$0.01` for a positive amount that two digits cannot show. */
export function dollars(usd: number | undefined): string {
  if (usd === undefined) return '';
  if (usd > 0 && usd < 0.005) return '<$0.01';
  return usd >= 1000 ? `$${Math.round(usd).toLocaleString('en-US')}` : `$${usd.toFixed(2)}`;
}

/** Returns a count with three digits and a unit prefix, for example `1.97 M`. */
export function count(amount: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ];
  const [size, name] = units.find(([least]) => amount >= least) ?? [1, ''];
  const scale = name === ' k' ? 1000 : size;
  return `${rounded(amount / scale)}${name}`;
}

/** Returns an amount with three significant digits, without trailing zeros. */
export const rounded = (amount: number): string => String(Number(amount.toPrecision(3)));

const ABBREVIATIONS = /\b(kb|gb|nat|acu)\b/g;

/** Returns `requestsByNat` as `requests by NAT`. */
export const words = (name: string): string =>
  name
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll(ABBREVIATIONS, (letters) => letters.toUpperCase());
