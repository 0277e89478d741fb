import type { JsonFault } from '../json-fault.ts';
import { pointerTo } from '../refusal.ts';
import { JsonText, type Survey } from './json-text.ts';
import { digitsFault, rangeFault } from './number-rules.ts';
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
      const detail = rangeFault(source) ?? (isVerbatim ? undefined : digitsFault(source));
      if (detail !== undefined) fault ??= { pointer: pointerTo(path), detail };
    },
  });
  return fault;
}

/** The same for a body or a line with tasks. Their payloads' digits are for their kinds to judge. */
export function readExactly(text: string): ExactJson {
  const payloads = new Map<string, JsonText>();
  // Made when the first member of a payload is met: most lines of an import are short.
  let members: Map<string, JsonText> | undefined;
  let changed: Survey['changed'][number][] = [];
  let fault: JsonFault | undefined;
  scanJson(text, {
    onDuplicate(path) {
      fault ??= { pointer: pointerTo(path), detail: DUPLICATE };
    },
    onLongNumber(source, path) {
      const outOfRange = rangeFault(source);
      const detail = outOfRange ?? digitsFault(source);
      if (detail === undefined) return;
      const depth = payloadDepth(path);
      if (depth === undefined || outOfRange !== undefined) fault ??= { pointer: pointerTo(path), detail };
      else {
        const inside = path.slice(depth + 1);
        const member = inside.length === 0 ? undefined : String(inside[0]);
        changed.push({ member, fault: { pointer: pointerTo(inside), detail } });
      }
    },
    onMember(path, start, end) {
      const depth = payloadDepth(path);
      if (depth === undefined) return;
      if (path.length === depth + 2) {
        members ??= new Map();
        members.set(String(path[depth + 1]), new JsonText(text.slice(start, end)));
      }
      if (path.length !== depth + 1) return;
      payloads.set(
        pointerTo(path),
        new JsonText(text.slice(start, end), { members: members ?? new Map(), changed }),
      );
      members = undefined;
      changed = [];
    },
  });
  return { fault, payloads };
}

/** How deep the payload is in which a path is; undefined when it is in none. */
function payloadDepth(path: Path): number | undefined {
  for (let depth = 0; depth <= DEEPEST_PAYLOAD; depth += 1) if (path[depth] === 'payload') return depth;
  return undefined;
}
