import { createHash } from 'node:crypto';

/** Number of bits of an id that hold the line number. */
const LINE_BITS = 24n;

/** Number of bits of a UUIDv7 after its variant. */
const RANDOM_BITS = 62n;

/** Upper bound of line numbers, exclusive. */
export const LINES = 2 ** Number(LINE_BITS);

/**
 * Returns the function from a line to the id of its task. The ids are UUIDv7 with the millisecond of the batch. They ascend with
 * the line and are equal at every call. Ids of two batches collide only by chance.
 */
export function importIds(batchId: string): (line: number) => string {
  const batch = BigInt(`0x${batchId.replaceAll('-', '')}`);
  const digest = createHash('sha256').update(batchId).digest('hex');
  const random = BigInt(`0x${digest.slice(0, 16)}`) & ((1n << (RANDOM_BITS - LINE_BITS)) - 1n);
  const base = ((batch >> RANDOM_BITS) << RANDOM_BITS) | (random << LINE_BITS);
  const head = (base >> LINE_BITS).toString(16).padStart(26, '0');
  const prefix = `${head.slice(0, 8)}-${head.slice(8, 12)}-${head.slice(12, 16)}-${head.slice(16, 20)}-${head.slice(20)}`;
  return (line) => prefix + line.toString(16).padStart(6, '0');
}

/** Returns the line of an id that `importIds` made. */
export const lineOf = (id: string): number => Number.parseInt(id.slice(-Number(LINE_BITS) / 4), 16);
