import { createHash } from 'node:crypto';

/** The bits of an id that number the lines of one import. */
const LINE_BITS = 24n;

/** The bits of a UUIDv7 after its variant. */
const RANDOM_BITS = 62n;

/** Lines are numbered below this. */
export const LINES = 2 ** Number(LINE_BITS);

/**
 * The ids of the tasks of an import: UUIDv7 of its batch's millisecond, ascending with the line, the same whenever they are
 * asked for, and another batch's by chance only.
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

/** The line of an id that `importIds` has given. */
export const lineOf = (id: string): number => Number.parseInt(id.slice(-Number(LINE_BITS) / 4), 16);
