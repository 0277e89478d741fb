import type { JsonFault } from '../json-fault.ts';
import { pointerTo } from '../refusal.ts';
import { type ChangedNumber, changedNumber, JsonText } from './json-text.ts';
import { digitsFault, isDoubleAsWritten, rangeFault } from './number-rules.ts';
import { type Path, scanJson } from './scan-json.ts';

export interface ExactJson {
  /** The first place where a program would read another value than the text contains, or undefined. */
  fault: JsonFault | undefined;
  /** The payload of every task as it was written, by its JSON pointer. The kinds check the numbers in the payloads. */
  payloads: ReadonlyMap<string, JsonText>;
}

const DUPLICATE = 'Must not occur twice in one object';

/** A payload is a member of a task. The task is the whole body, a member of the body, or an element of a member. */
const DEEPEST_PAYLOAD = 2;

/**
 * Finds JSON that a program would read differently than it was written: a name that stands twice in an object, a number
 * that cannot be stored, or a number that a double would change.
 *
 * @param text       valid JSON in which `jsonFault` has found no fault
 * @param isVerbatim true when numbers need not fit a double
 * @returns the first fault, or undefined
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

/**
 * Finds the faults of {@link exactFault} in a body or a line with tasks, and collects the payloads. Numbers in payloads
 * may exceed a double: the kinds check them.
 */
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

/** Returns `pointerTo` of a payload, but faster: a bulk request has ten thousand payloads, and their names need no escapes. */
function payloadPointer(path: Path): string {
  return path[0] === 'tasks' && path.length === 3 ? `/tasks/${path[1]}/payload` : pointerTo(path);
}

/** Returns the depth of the payload that contains `path`; undefined when no payload contains it. */
function payloadDepth(path: Path): number | undefined {
  for (let depth = 0; depth <= DEEPEST_PAYLOAD; depth += 1) if (path[depth] === 'payload') return depth;
  return undefined;
}
