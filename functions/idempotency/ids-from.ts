/** The random part of a UUIDv7 after its version: 12 bits, then 62 after the variant. */
const LOW_BITS = 62n;
const LOW = (1n << LOW_BITS) - 1n;

/**
 * Ids that follow a UUIDv7: ascending, of the same millisecond, and the same whenever they are asked for.
 *
 * @param seed  a UUIDv7
 * @param count how many
 */
export function idsFrom(seed: string, count: number): string[] {
  const value = BigInt(`0x${seed.replaceAll('-', '')}`);
  const low = value & LOW;
  const high = value - low;
  // So close to the end that counting would leave the random part, it begins anew: still one seed's own ids.
  const start = low + BigInt(count) > LOW ? LOW - BigInt(count) : low;
  return Array.from({ length: count }, (_, n) => format(high + start + BigInt(n) + 1n));
}

function format(value: bigint): string {
  const hex = value.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
