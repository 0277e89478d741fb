import { randomUUID } from 'node:crypto';
import type { JsonFault } from '../json-fault.ts';
import { pointerTo } from '../refusal.ts';
import { digitsFault } from './number-rules.ts';
import { endOfString, type Path, scanJson } from './scan-json.ts';

/** A number that a double would change. `member` names the member of the object that contains the number, if there is one. */
export interface ChangedNumber {
  readonly member: string | undefined;
  readonly fault: JsonFault;
}

/** A JSON value as it was written: every digit, the order of members, and how strings are escaped. */
export class JsonText {
  readonly text: string;
  #value: unknown;
  #members: ReadonlyMap<string, JsonText> | undefined;
  #changed: readonly ChangedNumber[] | undefined;

  /**
   * @param text    valid JSON, nested no deeper than a body may be
   * @param changed all numbers in the text that a double would change, if the caller knows them
   */
  constructor(text: string, changed?: readonly ChangedNumber[]) {
    this.text = text;
    this.#changed = changed;
  }

  /** Returns the JSON text of a value. A JsonText is returned unchanged. */
  static of(value: unknown): JsonText {
    return value instanceof JsonText ? value : new JsonText(JSON.stringify(value));
  }

  /** Returns an object with these members, in their order. */
  static object(members: Iterable<readonly [name: string, value: JsonText]>): JsonText {
    const written = Array.from(members, ([name, { text }]) => `${JSON.stringify(name)}:${text}`);
    return new JsonText(`{${written.join(',')}}`);
  }

  /** Returns the value as `JSON.parse` reads it: numbers are doubles. */
  get value(): unknown {
    this.#value ??= JSON.parse(this.text);
    return this.#value;
  }

  /** Returns the members of an object, in their order; none for a value that is not an object. */
  members(): ReadonlyMap<string, JsonText> {
    if (this.#members) return this.#members;
    const members = new Map<string, JsonText>();
    scanJson(this.text, {
      onMember: (path, start, end) => {
        if (path.length === 1) members.set(String(path[0]), new JsonText(this.text.slice(start, end)));
      },
    });
    this.#members = members;
    return members;
  }

  /**
   * Returns the value, with the members that `verbatim` names kept as texts.
   *
   * @param value the value, if the caller has read it already
   */
  valueWith(verbatim: readonly string[], value = this.value): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const kept: Record<string, JsonText> = {};
    for (const name of verbatim) {
      const member = Object.hasOwn(value, name) ? this.members().get(name) : undefined;
      if (member === undefined) continue;
      member.#value ??= (value as Record<string, unknown>)[name];
      kept[name] = member;
    }
    return { ...value, ...kept };
  }

  /** Returns the first number that a double would change. Members that `verbatim` names are not checked. */
  digitsFault(verbatim: readonly string[]): JsonFault | undefined {
    this.#changed ??= changedNumbers(this.text);
    return this.#changed.find(({ member }) => member === undefined || !verbatim.includes(member))?.fault;
  }

  /** Returns a marked string. {@link stringifyExactly} replaces this string with the text itself. */
  toJSON(): string {
    return MARK + this.text;
  }
}

/**
 * Returns the number at the end of a path if a double would change it.
 *
 * @param path begins at the value whose changed numbers are wanted
 */
export function changedNumber(source: string, path: Path): ChangedNumber | undefined {
  const detail = digitsFault(source);
  if (detail === undefined) return undefined;
  const member = path.length === 0 ? undefined : String(path[0]);
  return { member, fault: { pointer: pointerTo(path), detail } };
}

function changedNumbers(text: string): ChangedNumber[] {
  const changed: ChangedNumber[] = [];
  if (!MAY_LOSE_DIGITS.test(text)) return changed;
  scanJson(text, {
    onLongNumber(source, path) {
      const found = changedNumber(source, path);
      if (found) changed.push(found);
    },
  });
  return changed;
}

/** Also matches some strings without such numbers; a scan then decides. */
const MAY_LOSE_DIGITS = /\d[\d.]{15}|\d[eE]/;

/** Random per process, so that no string of a user can begin with it. */
const MARK = `${randomUUID()}:`;

/** Writes a value as JSON. Every {@link JsonText} in the value is written exactly as it is. */
export function stringifyExactly(value: unknown): string {
  const json = JSON.stringify(value);
  let exact = '';
  let from = 0;
  for (let at = json.indexOf(`"${MARK}`); at !== -1; at = json.indexOf(`"${MARK}`, from)) {
    const end = endOfString(json, at);
    const marked: string = JSON.parse(json.slice(at, end));
    exact += json.slice(from, at) + marked.slice(MARK.length);
    from = end;
  }
  return from === 0 ? json : exact + json.slice(from);
}
