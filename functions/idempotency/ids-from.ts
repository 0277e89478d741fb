/** The random part of a UUIDv7 after its version: 12 bits, then 62 bits after the variant. These are the 62 bits. */
const LOW_BITS = 62n;
const LOW = (1n << LOW_BITS) - 1n;

/**
 * Returns ids that follow a UUIDv7: ascending, with the same millisecond. The same arguments always give the same ids.
 *
 * @param seed  a UUIDv7
 * @param count number of ids
 */
export function idsFrom(seed: string, count: number): string[] {
  const value = BigInt(`0x${seed.replaceAll('-', '')}`);
  const low = value & LOW;
  const high = value - low;
  // Counting up from a seed near the end would overflow the random part. Such ids count up to the end of the part
  // instead.
  const start = low + BigInt(count) > LOW ? LOW - BigInt(count) : low;
  return Array.from({ length: count }, (_, n) => format(high + start + BigInt(n) + 1n));
}

function format(value: bigint): string {
  const hex = value.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
