/** Names and indexes that lead to a value. The scan changes this array: copy it to keep it. */
export type Path = readonly (string | number)[];

/** Callbacks of a scan. Ranges are offsets into the text. */
export interface Findings {
  /** A number that a double might change: it has more than 15 characters or an exponent. */
  onLongNumber?(source: string, path: Path): void;
  /** A member of an object, after the scan of its value. `path` ends with the member's name. */
  onMember?(path: Path, start: number, end: number): void;
  /** A member whose name occurred before in the same object. `path` ends with the name. */
  onDuplicate?(path: Path): void;
}

/** Shorter numbers without an exponent have at most 15 digits, and every double keeps 15 digits. */
const LONGEST_SAFE_NUMBER = 15;

/** From this number of names on, a set finds duplicates faster than a list. */
const MANY_NAMES = 8;

const CODE = {
  tab: 9,
  lf: 10,
  cr: 13,
  space: 32,
  quote: 34,
  plus: 43,
  minus: 45,
  dot: 46,
  backslash: 92,
} as const;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
const [E, LOWER_E, F, N, T] = [69, 101, 102, 110, 116];

/**
 * Scans the source of JSON for facts that `JSON.parse` does not report: digits, duplicate names, and positions of
 * members. `JSON.parse` with a reviver reports the digits at ten times the cost. The visitor of jsonc-parser reports
 * positions at twice the cost.
 *
 * @param text valid JSON that has been parsed and checked before, with limited nesting, so that recursion is safe
 */
export function scanJson(text: string, { onLongNumber, onMember, onDuplicate }: Findings): void {
  const path: (string | number)[] = [];
  let at = 0;

  const skipBlanks = (): number => {
    let code = text.charCodeAt(at);
    while (code === CODE.space || code === CODE.lf || code === CODE.cr || code === CODE.tab)
      code = text.charCodeAt(++at);
    return code;
  };
  const scanNumber = (): void => {
    const start = at;
    let hasExponent = false;
    for (let code = text.charCodeAt(at); isNumeric(code); code = text.charCodeAt(++at)) {
      hasExponent ||= code === E || code === LOWER_E;
    }
    if (hasExponent || at - start > LONGEST_SAFE_NUMBER) onLongNumber?.(text.slice(start, at), path);
  };
  const scanList = (): void => {
    at += 1;
    if (skipBlanks() === CLOSE_LIST) {
      at += 1;
      return;
    }
    for (let index = 0, code = 0; code !== CLOSE_LIST; index += 1) {
      path.push(index);
      scanValue();
      path.pop();
      code = skipBlanks();
      at += 1;
    }
  };
  const scanObject = (): void => {
    at += 1;
    if (skipBlanks() === CLOSE_OBJECT) {
      at += 1;
      return;
    }
    const names: string[] = [];
    let manyNames: Set<string> | undefined;
    for (let code = 0; code !== CLOSE_OBJECT; ) {
      skipBlanks();
      const nameStart = at;
      at = endOfString(text, at);
      const name = stringAt(text, nameStart, at);
      path.push(name);
      if (manyNames ? manyNames.has(name) : names.includes(name)) onDuplicate?.(path);
      if (manyNames) manyNames.add(name);
      else if (names.push(name) === MANY_NAMES) manyNames = new Set(names);
      skipBlanks();
      at += 1;
      skipBlanks();
      const start = at;
      scanValue();
      onMember?.(path, start, at);
      path.pop();
      code = skipBlanks();
      at += 1;
    }
  };
  const scanValue = (): void => {
    const code = skipBlanks();
    if (code === CODE.quote) at = endOfString(text, at);
    else if (code === OPEN_OBJECT) scanObject();
    else if (code === OPEN_LIST) scanList();
    else if (code === T || code === N) at += 'true'.length;
    else if (code === F) at += 'false'.length;
    else scanNumber();
  };
  scanValue();
}

function isNumeric(code: number): boolean {
  if (code >= 48 && code <= 57) return true;
  return code === CODE.dot || code === E || code === LOWER_E || code === CODE.plus || code === CODE.minus;
}

/** Returns the offset behind the string that begins at `start`. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === CODE.backslash) escapes += 1;
    if (escapes % 2 === 0) return end + 1;
  }
}

function stringAt(text: string, start: number, end: number): string {
  const source = text.slice(start + 1, end - 1);
  return source.includes('\\') ? JSON.parse(`"${source}"`) : source;
}
