import { RE2JS } from 're2js';
import { PermanentError } from '../../../define-task.ts';
import { MAX_GROUPS, MAX_MATCH, MAX_PROGRAM, WINDOW } from './bounds.ts';
import { type Pieces, wholeCharacter } from './pieces.ts';

export type Match = {
  readonly text: string;
  /** Code points before the match. */
  readonly offset: number;
  /** The groups by their numbers, from 1; null for a group that took no part. */
  readonly groups: readonly (string | null)[];
};

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
};

/** Milliseconds of work between two looks at the signal. */
const TURN_MILLISECONDS = 50;

/** Code units of matches, of their groups and of replacements between two looks at the signal. */
const TURN_LENGTH = 1_048_576;

/** Code units before a search that `\b` and `^` look at. */
const LOOK_BEHIND = 2;

/**
 * Compiles a pattern in RE2 syntax.
 *
 * @param where a JSON pointer to the pattern
 * @throws PermanentError `pattern_invalid`, `pattern_too_large`
 */
export function compile(
  { pattern, flags, isLiteral }: { pattern: string; flags: string; isLiteral: boolean },
  where: string,
): RE2JS {
  const bits = [...flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(isLiteral ? RE2JS.quote(pattern) : pattern, bits);
  } catch (cause) {
    const reason =
      cause instanceof Error ? cause.message.replace('error parsing regexp: ', '') : String(cause);
    throw new PermanentError('pattern_invalid', `${where} is not a pattern of RE2: ${reason}`, {
      cause,
      details: { pointer: where },
    });
  }
  const tooLarge = (rule: string, limit: number) =>
    new PermanentError('pattern_too_large', `${where} ${rule}`, { details: { pointer: where, limit } });
  if (compiled.programSize() > MAX_PROGRAM)
    throw tooLarge(`makes a program of more than ${MAX_PROGRAM} steps`, MAX_PROGRAM);
  if (compiled.groupCount() > MAX_GROUPS) throw tooLarge(`has more than ${MAX_GROUPS} groups`, MAX_GROUPS);
  return compiled;
}

/**
 * Finds the matches of a pattern, from left to right and without overlap, and puts texts in their places. An empty match right after
 * another match is none, as in RE2.
 *
 * The text is examined in windows, in constant memory. A match of up to `MAX_MATCH` code units is found as in the whole text.
 *
 * @param replace returns the text for the place of a match; `undefined` ends the search, and the rest stays as it is
 * @param yieldTurn called now and then; rejects to end the work
 * @throws PermanentError `match_too_long` when a match is so long that the window does not hold it
 */
export async function* rewrite(
  pieces: Pieces,
  pattern: RE2JS,
  { replace, yieldTurn }: { replace: (match: Match) => string | undefined; yieldTurn: () => Promise<void> },
): Pieces {
  const search = new Search(pattern, replace);
  for await (const piece of pieces) {
    if (search.isOver) {
      yield piece;
      continue;
    }
    search.add(piece);
    while (search.canGoOn) {
      yield search.step(false);
      await yieldTurn();
    }
    if (search.isOver) yield search.step(false);
  }
  while (!search.isDone) {
    yield search.step(true);
    await yieldTurn();
  }
}

class Search {
  readonly #pattern: RE2JS;
  readonly #replace: (match: Match) => string | undefined;
  #buffer = '';
  /** Text before this place is done; some of it stays for patterns that look back. */
  #at = 0;
  /** Where the next search begins, and the end of the last match. */
  #from = 0;
  #lastEnd = -1;
  /** Code points of the text before `#at`. */
  #offset = 0;
  #matcher: ReturnType<RE2JS['matcher']> | undefined;
  isOver = false;

  constructor(pattern: RE2JS, replace: (match: Match) => string | undefined) {
    this.#pattern = pattern;
    this.#replace = replace;
  }

  add(piece: string): void {
    const kept = wholeCharacter(this.#buffer, Math.max(0, this.#at - LOOK_BEHIND));
    this.#buffer = this.#buffer.slice(kept) + piece;
    this.#at -= kept;
    this.#from -= kept;
    this.#lastEnd -= kept;
    this.#matcher = undefined;
  }

  get canGoOn(): boolean {
    return !this.isOver && this.#buffer.length - this.#at >= WINDOW + MAX_MATCH;
  }

  get isDone(): boolean {
    return this.#at >= this.#buffer.length && (this.isOver || this.#from > this.#buffer.length);
  }

  /** Works for a moment. @param isEnd the buffer holds the whole rest of the text @returns finished text */
  step(isEnd: boolean): string {
    if (this.isOver) return this.#pass(this.#buffer.length);
    const { length } = this.#buffer;
    /** Only matches that begin before this place are certain. */
    const certain = isEnd ? length + 1 : length - MAX_MATCH;
    const until = performance.now() + TURN_MILLISECONDS;
    this.#matcher ??= this.#pattern.matcher(this.#buffer);
    let out = '';
    let made = 0;
    while (this.#from < certain) {
      if (!this.#matcher.find(this.#from) || this.#matcher.start() >= certain) {
        this.#from = isEnd ? length + 1 : wholeCharacter(this.#buffer, certain);
        return out + this.#pass(Math.min(length, this.#from));
      }
      const [start, end] = [this.#matcher.start(), this.#matcher.end()];
      if (end === length && !isEnd) throw tooLong();
      this.#from = end > start ? end : end + ((this.#buffer.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
      if (end === start && start === this.#lastEnd) continue;
      out += this.#pass(start);
      const replacement = this.#replace(this.#describe(this.#matcher, start, end));
      if (replacement === undefined) {
        this.isOver = true;
        return out;
      }
      this.#pass(end);
      out += replacement;
      this.#lastEnd = end;
      made += replacement.length + (end - start) * (1 + this.#matcher.groupCount());
      if (made > TURN_LENGTH || performance.now() > until) break;
    }
    return out;
  }

  /** Leaves the text up to a place behind. @returns this text */
  #pass(to: number): string {
    const text = this.#buffer.slice(this.#at, to);
    this.#at = to;
    this.#offset += codePointsIn(text);
    return text;
  }

  #describe(matcher: ReturnType<RE2JS['matcher']>, start: number, end: number): Match {
    const groups = Array.from({ length: matcher.groupCount() }, (_, at) => matcher.group(at + 1));
    return { text: this.#buffer.slice(start, end), offset: this.#offset, groups };
  }
}

export function codePointsIn(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

function tooLong(): PermanentError {
  return new PermanentError(
    'match_too_long',
    `A match is longer than ${MAX_MATCH.toLocaleString('en-US')} UTF-16 code units. Use a pattern with shorter matches`,
    { details: { limit: MAX_MATCH } },
  );
}
