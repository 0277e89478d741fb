import type { Cell } from '../table/cell.ts';

const INDEX_BITS = 14;
const REGISTERS = 2 ** INDEX_BITS;
/** Bits of a hash that tell a rank. */
const RANK_BITS = 64 - INDEX_BITS;

/** Standard error of the estimate, as a share of the number of different values: 1.04 / √m. */
export const DISTINCT_ERROR = 1.04 / Math.sqrt(REGISTERS);

/**
 * Estimates the number of different values in 16 KiB: HyperLogLog with 64-bit hashes and Ertl's estimator, which needs no
 * correction by range. The same values give the same estimate.
 *
 * @see Flajolet et al., HyperLogLog, 2007, https://doi.org/10.46298/dmtcs.3545
 * @see Ertl, New cardinality estimation algorithms for HyperLogLog sketches, 2017, https://arxiv.org/abs/1702.01284
 */
export class DistinctSketch {
  readonly #registers = new Uint8Array(REGISTERS);

  add(value: Cell): void {
    const { high, low } = hashOf(value);
    const index = high >>> (32 - INDEX_BITS);
    const rest = (high << INDEX_BITS) >>> 0;
    const zeros = rest === 0 ? Math.min(32 - INDEX_BITS + Math.clz32(low), RANK_BITS) : Math.clz32(rest);
    const rank = zeros + 1;
    if (rank > (this.#registers[index] ?? 0)) this.#registers[index] = rank;
  }

  get estimate(): number {
    const counts = new Array<number>(RANK_BITS + 2).fill(0);
    for (const rank of this.#registers) counts[rank] = (counts[rank] ?? 0) + 1;
    let z = REGISTERS * tau(1 - (counts[RANK_BITS + 1] ?? 0) / REGISTERS);
    for (let rank = RANK_BITS; rank >= 1; rank -= 1) z = 0.5 * (z + (counts[rank] ?? 0));
    z += REGISTERS * sigma((counts[0] ?? 0) / REGISTERS);
    return Math.round(REGISTERS ** 2 / (2 * Math.LN2 * z));
  }
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let [x, y, z, before] = [share, 1, share, Number.NaN];
  while (z !== before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [x, y, z, before] = [share, 1, 1 - share, Number.NaN];
  while (z !== before) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}

const eightBytes = new DataView(new ArrayBuffer(8));

/** Marks at the end of a hashed value, so that 1, "1" and true differ. */
const TYPES = { string: 0x10000, number: 0x20000, boolean: 0x30000 };

/** Hashes a value and its type, by two passes of MurmurHash3 with different seeds. */
function hashOf(value: Cell): { high: number; low: number } {
  let [high, low] = [0x9747b28c, 0x3c6ef372];
  const mix = (part: number): void => {
    const mixed = Math.imul(part, 0xcc9e2d51);
    const block = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    high ^= block;
    high = (Math.imul((high << 13) | (high >>> 19), 5) + 0xe6546b64) | 0;
    low ^= block;
    low = (Math.imul((low << 17) | (low >>> 15), 9) + 0x38b34ae5) | 0;
  };
  if (typeof value === 'string') {
    for (let at = 0; at < value.length; at += 1) mix(value.charCodeAt(at));
    mix(TYPES.string + value.length);
  } else if (typeof value === 'number') {
    // Adding 0 turns −0 into 0.
    eightBytes.setFloat64(0, value + 0);
    mix(eightBytes.getInt32(0));
    mix(eightBytes.getInt32(4));
    mix(TYPES.number);
  } else mix(TYPES.boolean + (value ? 1 : 0));
  return { high: finished(high), low: finished(low) };
}

/** Spreads the bits: the finalizer of MurmurHash3. */
function finished(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
