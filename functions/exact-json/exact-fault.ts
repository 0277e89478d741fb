import type { JsonFault } from '../json-fault.ts';
import { pointerTo } from '../refusal.ts';
import { type ChangedNumber, changedNumber, JsonText } from './json-text.ts';
import { digitsFault, isDoubleAsWritten, rangeFault } from './number-rules.ts';
import { type Path, scanJson } from './scan-json.ts';

export interface ExactJson {
  /** The first place where a program would read something else than was written, or undefined. */
  fault: JsonFault | undefined;
  /** Every task's payload as it was written, by the JSON pointer to it. Their numbers are for their kinds to judge. */
  payloads: ReadonlyMap<string, JsonText>;
}

const DUPLICATE = 'Must not stand twice in one object';

/** Payloads stand in a task, which is the whole, a member, or an element of a member. */
const DEEPEST_PAYLOAD = 2;

/**
 * Where JSON that came in would be read as something else than was written: a name that stands twice in an object, a
 * number that nobody can store, or one that a double would change.
 *
 * @param text       valid JSON that `jsonFault` has found nothing wrong with
 * @param isVerbatim whether its digits need not fit a double
 * @returns the first place that is found, or undefined
 */
export function exactFault(text: string, isVerbatim = false): JsonFault | undefined {
  let fault: JsonFault | undefined;
  scanJson(text, {
    onDuplicate(path) {
      fault ??= { pointer: pointerTo(path), detail: DUPLICATE };
    },
    onLongNumber(source, path) {
      if (isDoubleAsWritten(source)) return;
      const detail = rangeFault(source) ?? (isVerbatim ? undefined : digitsFault(source));
      if (detail !== undefined) fault ??= { pointer: pointerTo(path), detail };
    },
  });
  return fault;
}

/** The same for a body or a line with tasks. Their payloads' digits are for their kinds to judge. */
export function readExactly(text: string): ExactJson {
  const payloads = new Map<string, JsonText>();
  let changed: ChangedNumber[] = [];
  let fault: JsonFault | undefined;
  scanJson(text, {
    onDuplicate(path) {
      fault ??= { pointer: pointerTo(path), detail: DUPLICATE };
    },
    onLongNumber(source, path) {
      if (isDoubleAsWritten(source)) return;
      const outOfRange = rangeFault(source);
      const depth = payloadDepth(path);
      if (depth === undefined || outOfRange !== undefined) {
        const detail = outOfRange ?? digitsFault(source);
        if (detail !== undefined) fault ??= { pointer: pointerTo(path), detail };
        return;
      }
      const found = changedNumber(source, path.slice(depth + 1));
      if (found) changed.push(found);
    },
    onMember(path, start, end) {
      const last = path.length - 1;
      if (path[last] !== 'payload' || payloadDepth(path) !== last) return;
      payloads.set(payloadPointer(path), new JsonText(text.slice(start, end), changed));
      if (changed.length > 0) changed = [];
    },
  });
  return { fault, payloads };
}

/** `pointerTo` for a payload: a bulk request has ten thousand, whose names need no escapes. */
function payloadPointer(path: Path): string {
  return path[0] === 'tasks' && path.length === 3 ? `/tasks/${path[1]}/payload` : pointerTo(path);
}

/** How deep the payload is in which a path is; undefined when it is in none. */
function payloadDepth(path: Path): number | undefined {
  for (let depth = 0; depth <= DEEPEST_PAYLOAD; depth += 1) if (path[depth] === 'payload') return depth;
  return undefined;
}
