import { randomUUID } from 'node:crypto';
import type { JsonFault } from '../json-fault.ts';
import { pointerTo } from '../refusal.ts';
import { digitsFault } from './number-rules.ts';
import { endOfString, scanJson } from './scan-json.ts';

/** What a scan of an object finds. */
export interface Survey {
  /** In their order. */
  readonly members: ReadonlyMap<string, JsonText>;
  /** Numbers that a double would change, each with the member that it is in, if it is in one. */
  readonly changed: readonly { readonly member: string | undefined; readonly fault: JsonFault }[];
}

/** A JSON value as it was written: every digit, the order of members, and how strings are escaped. */
export class JsonText {
  readonly text: string;
  #value: unknown;
  #survey: Survey | undefined;

  /**
   * @param text   valid JSON, nested no deeper than a body may be
   * @param survey of this text, where it has been scanned before
   */
  constructor(text: string, survey?: Survey) {
    this.text = text;
    this.#survey = survey;
  }

  /** What a program's value is written as; a text stays itself. */
  static of(value: unknown): JsonText {
    return value instanceof JsonText ? value : new JsonText(JSON.stringify(value));
  }

  /** An object with these members, in their order. */
  static object(members: Iterable<readonly [name: string, value: JsonText]>): JsonText {
    const written = Array.from(members, ([name, { text }]) => `${JSON.stringify(name)}:${text}`);
    return new JsonText(`{${written.join(',')}}`);
  }

  /** As `JSON.parse` reads it: numbers are doubles. */
  get value(): unknown {
    this.#value ??= JSON.parse(this.text);
    return this.#value;
  }

  /** The members of an object, in their order; none of what is no object. */
  members(): ReadonlyMap<string, JsonText> {
    return this.#surveyed().members;
  }

  /** The value, in which these members of an object stay texts. @param value the value, if it has been read */
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

  /** The first number that a double would change, other than in these members of an object. */
  digitsFault(verbatim: readonly string[]): JsonFault | undefined {
    if (!this.#survey && !MAY_LOSE_DIGITS.test(this.text)) return undefined;
    return this.#surveyed().changed.find(({ member }) => member === undefined || !verbatim.includes(member))
      ?.fault;
  }

  #surveyed(): Survey {
    if (this.#survey) return this.#survey;
    const members = new Map<string, JsonText>();
    const changed: { member: string | undefined; fault: JsonFault }[] = [];
    scanJson(this.text, {
      onMember: (path, start, end) => {
        if (path.length === 1) members.set(String(path[0]), new JsonText(this.text.slice(start, end)));
      },
      onLongNumber(source, path) {
        const detail = digitsFault(source);
        const [member] = path;
        if (detail !== undefined)
          changed.push({
            member: member === undefined ? undefined : String(member),
            fault: { pointer: pointerTo(path), detail },
          });
      },
    });
    this.#survey = { members, changed };
    return this.#survey;
  }

  /** For {@link stringifyExactly}, which puts the text itself in the place of this string. */
  toJSON(): string {
    return MARK + this.text;
  }
}

/** True for some strings, too; then a scan decides. */
const MAY_LOSE_DIGITS = /\d[\d.]{15}|\d[eE]/;

/** Nobody outside knows it, so that no string of a user can begin with it. */
const MARK = `${randomUUID()}:`;

/** Writes a value as JSON, in which every {@link JsonText} stands as it was written. */
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
