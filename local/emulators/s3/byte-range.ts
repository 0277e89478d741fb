import { S3Refusal } from './errors.ts';

export type ByteRange = { start: number; end: number };

/**
 * Returns the requested part of an object: `bytes=2-5`, `bytes=2-` or `bytes=-5`; undefined for the whole object, also for a header
 * that is not one range.
 *
 * @throws S3Refusal `InvalidRange` when the range begins behind the object
 */
export function byteRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const range =
    first === ''
      ? { start: Math.max(0, size - Number(last)), end: size - 1 }
      : { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
  if (range.start >= size) throw new S3Refusal(416, 'InvalidRange', 'The requested range is not satisfiable');
  return range;
}
