import { PermanentError } from '../../../define-task.ts';
import { MAX_REFERENCES } from '../text/bounds.ts';
import type { Match } from '../text/matches.ts';

/** A part of a replacement: text, or the number of a group. 0 is the whole match. */
type Part = string | number;

type Groups = {
  /** Number of groups of the pattern. */
  readonly count: number;
  readonly names: Readonly<Record<string, number>>;
};

const REFERENCE = /\$(?:\$|&|(\d{1,2})|<([^>]*)>)?/g;

/**
 * Reads a replacement: `$1` to `$99` and `$<name>` stand for groups of the pattern, `$&` for the whole match, and `$$` for a dollar
 * sign.
 *
 * @param where a JSON pointer to the replacement
 * @returns the text for a match. A group that took no part is empty
 * @throws PermanentError `replacement_invalid` when there is no such group, or too many references
 */
export function readReplacement(
  replacement: string,
  groups: Groups,
  where: string,
): (match: Match) => string {
  const refuse = (reason: string) =>
    new PermanentError('replacement_invalid', `${where}: ${reason}`, { details: { pointer: where } });
  const parts: Part[] = [];
  let from = 0;
  for (const { 0: reference, 1: digits, 2: name, index } of replacement.matchAll(REFERENCE)) {
    const part = reference === '$$' ? '$' : reference === '$&' ? 0 : groupOf(digits, name, groups);
    if (part === undefined) {
      throw refuse(`${reference} is not $$, $&, or a group of the pattern, which has ${groups.count}`);
    }
    parts.push(replacement.slice(from, index), part);
    from = index + reference.length;
  }
  parts.push(replacement.slice(from));
  if (parts.filter((part) => typeof part === 'number').length > MAX_REFERENCES) {
    throw refuse(`Must have at most ${MAX_REFERENCES} references to groups`);
  }
  return ({ text, groups: values }) => {
    const textOf = (part: Part) => (typeof part === 'string' ? part : part === 0 ? text : values[part - 1]);
    return parts.map((part) => textOf(part) ?? '').join('');
  };
}

function groupOf(digits: string | undefined, name = '', { count, names }: Groups): number | undefined {
  if (digits === undefined) return Object.hasOwn(names, name) ? names[name] : undefined;
  const group = Number(digits);
  return group >= 1 && group <= count ? group : undefined;
}
