import { MAX_ROW_UNITS } from '../table/bounds.ts';
import type { Scanner } from './texts.ts';

export type JsonScannerSpec = {
  /** Takes the text of one value, and the line on which it begins. */
  takeValue: (text: string, line: number) => void;
  /** Returns the error of a text that breaks a rule so that no further value can be found. */
  broken: (line: number, rule: string) => Error;
};

const TOO_LONG = `a record has at most ${MAX_ROW_UNITS} characters`;

/** Splits NDJSON into its lines. Blank lines are no values. */
export function lineScanner({ takeValue, broken }: JsonScannerSpec): Scanner {
  let rest = '';
  let line = 1;
  const take = (text: string): void => {
    if (text.length > MAX_ROW_UNITS) throw broken(line, TOO_LONG);
    if (text.trim() !== '') takeValue(text, line);
    line += 1;
  };
  return {
    push(piece) {
      const text = rest + piece;
      let at = 0;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
        take(text.slice(at, end));
        at = end + 1;
      }
      rest = text.slice(at);
      if (rest.length > MAX_ROW_UNITS) throw broken(line, TOO_LONG);
    },
    end() {
      take(rest);
      rest = '';
    },
  };
}

const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Splits a JSON array into its elements. Each must be JSON, which the receiver finds out. */
export function arrayScanner({ takeValue, broken }: JsonScannerSpec): Scanner {
  let rest = '';
  let line = 1;
  /** The tokens that may come next. */
  let state: 'opening' | 'first' | 'element' | 'comma' | 'over' = 'opening';

  const scan = (text: string, isEnd: boolean): void => {
    let at = 0;
    for (;;) {
      while (at < text.length && BLANKS.has(text.charCodeAt(at))) {
        if (text.charCodeAt(at) === 0x0a) line += 1;
        at += 1;
      }
      if (at === text.length) break;
      const code = text.charCodeAt(at);
      if (state === 'opening') {
        if (code !== OPEN_LIST) throw broken(line, 'the content is a JSON array: it begins with [');
        [state, at] = ['first', at + 1];
      } else if (state === 'over') {
        throw broken(line, 'nothing comes after the ] of the array');
      } else if (code === CLOSE_LIST && (state === 'first' || state === 'comma')) {
        [state, at] = ['over', at + 1];
      } else if (state === 'comma') {
        if (code !== COMMA) throw broken(line, 'between two records comes a comma');
        [state, at] = ['element', at + 1];
      } else {
        const end = endOfValue(text, at);
        if (end === at) throw broken(line, 'a record comes here');
        if (end === -1) break;
        if (end - at > MAX_ROW_UNITS) throw broken(line, TOO_LONG);
        const value = text.slice(at, end);
        takeValue(value, line);
        for (let next = value.indexOf('\n'); next !== -1; next = value.indexOf('\n', next + 1)) line += 1;
        [state, at] = ['comma', end];
      }
    }
    rest = text.slice(at);
    if (rest.length > MAX_ROW_UNITS) throw broken(line, TOO_LONG);
    if (isEnd && state !== 'over') throw broken(line, 'the array ends with ]');
  };
  return { push: (piece) => scan(rest + piece, false), end: () => scan(rest, true) };
}

/** @returns the index after the value that begins at `from`; -1 when its end has not come yet */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let inText = false;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) inText = false;
    } else if (code === QUOTE) inText = true;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth += 1;
    else if (depth > 0) {
      if (code !== CLOSE_OBJECT && code !== CLOSE_LIST) continue;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT) return at;
  }
  return -1;
}
