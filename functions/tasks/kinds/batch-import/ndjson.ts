import { readExactly } from '../../../exact-json/exact-fault.ts';
import { jsonFault } from '../../../json-fault.ts';
import type { ImportLine } from './ports.ts';

/** Upper bound of one line in bytes. */
export const MAX_LINE_BYTES = 262_144;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads the lines of newline-delimited JSON, numbered from 1 as an editor does: LF, CR LF and CR each end one line. Empty lines
 * are counted and left out.
 */
export async function* ndjsonLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<ImportLine> {
  for await (const { line, text } of splitLines(content)) {
    if (text === undefined) yield { line, fault: `Must have at most ${MAX_LINE_BYTES} bytes` };
    else yield readLine(line, text);
  }
}

function readLine(line: number, bytes: Buffer): ImportLine {
  const text = decode(bytes);
  if (text === undefined) return { line, fault: 'Must be UTF-8' };
  if (text.trim() === '') return { line, fault: BLANK };
  try {
    const item: unknown = JSON.parse(text);
    const unfit = jsonFault(item);
    if (unfit) return { line, pointer: unfit.pointer, fault: unfit.detail };
    const { fault, payloads } = readExactly(text);
    if (fault) return { line, pointer: fault.pointer, fault: fault.detail };
    return { line, item, payload: payloads.get('/payload') };
  } catch (error) {
    return { line, fault: `Must be JSON: ${error instanceof Error ? error.message.slice(0, 100) : ''}` };
  }
}

/** Fault of a line of blanks. The reader of the lines skips such a line. */
export const BLANK = '';

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

type Line = { line: number; text: Buffer | undefined };

/**
 * Yields the lines that are not empty, one after the other, without their ends. A line that is too long has no text. Holds no
 * more than one line. Empty lines cost no turn of the generator, because an upload may have millions.
 */
async function* splitLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let begun: Buffer[] = [];
  let length = 0;
  let line = 1;
  const take = (): Line => {
    const text = length > MAX_LINE_BYTES ? undefined : Buffer.concat(begun);
    begun = [];
    length = 0;
    return { line, text };
  };
  let endsWithCr = false;
  for await (const chunk of content) {
    // Skip the LF of a CR LF whose CR ended the chunk before.
    let from = endsWithCr && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) endsWithCr = chunk.at(-1) === CR;
    let [lf, cr] = [chunk.indexOf(LF, from), chunk.indexOf(CR, from)];
    while (lf !== -1 || cr !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      if (end > from) begun.push(Buffer.from(chunk.subarray(from, end)));
      length += end - from;
      if (length > 0) yield take();
      line += 1;
      from = end === cr && lf === cr + 1 ? end + 2 : end + 1;
      if (lf !== -1 && lf < from) lf = chunk.indexOf(LF, from);
      if (cr !== -1 && cr < from) cr = chunk.indexOf(CR, from);
    }
    length += chunk.length - from;
    if (length > MAX_LINE_BYTES) begun = [];
    else if (from < chunk.length) begun.push(Buffer.from(chunk.subarray(from)));
  }
  if (length > 0) yield take();
}
