import fc from 'fast-check';
import type { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { operate } from '../testing/perform.ts';
import { MAX_MATCH, WINDOW } from './bounds.ts';
import { compile, type Match, rewrite } from './matches.ts';
import type { Pieces } from './pieces.ts';

const yieldTurn = async () => {};

/** Finds matches in a text that arrives in pieces. @returns the matches, and the text with each match in brackets */
async function found(pieces: readonly string[], pattern: RE2JS): Promise<{ matches: Match[]; text: string }> {
  const matches: Match[] = [];
  const replace = (match: Match) => {
    matches.push(match);
    return `[${match.text}]`;
  };
  let text = '';
  for await (const piece of rewrite(toPieces(pieces), pattern, { replace, yieldTurn })) text += piece;
  return { matches, text };
}

async function* toPieces(pieces: readonly string[]): Pieces {
  yield* pieces;
}

const pattern = (source: string, flags = '') =>
  compile({ pattern: source, flags, isLiteral: false }, '/pattern');

describe('matches', () => {
  test.each([
    ['b*', 'abba', '[]a[bb]a[]'],
    ['', 'a😀', '[]a[]😀[]'],
    ['^', 'a\nb', '[]a\nb'],
    ['$', 'a\nb', 'a\nb[]'],
    ['\\b', 'ab c', '[]ab[] []c[]'],
    ['😀', 'a😀😀', 'a[😀][😀]'],
    ['.', '😀é', '[😀][é]'],
  ])('of %s in %j are those of RE2', async (source, text, marked) => {
    expect((await found([text], pattern(source))).text).toBe(marked);
  });

  test('have their place in code points, and their groups', async () => {
    const { matches } = await found(['😀 a1 ', 'b'], pattern('([a-z])(\\d)?'));
    expect(matches).toEqual([
      { text: 'a1', offset: 2, groups: ['a', '1'] },
      { text: 'b', offset: 5, groups: ['b', null] },
    ]);
  });

  test.each([
    ['i', 'A', 'a'],
    ['m', '^b$', 'a\nb\nc'],
    ['s', 'a.b', 'a\nb'],
  ])('depend on the flag %s', async (flag, source, text) => {
    expect((await found([text], pattern(source))).matches).toHaveLength(0);
    expect((await found([text], pattern(source, flag))).matches).toHaveLength(1);
  });

  const SOURCES = ['a+b', '\\bab?\\b', '(?m)^a.*$', 'x*', '[^a]{1,3}', '(a|b)(c)?', '\\w+\\s', 'b|ab', '$'];
  test.each(SOURCES)('of %s are the same, wherever the text is cut into pieces', async (source) => {
    const compiled = pattern(source);
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ' ', '\n', '😀'), { maxLength: 20 })
      .map((units) => units.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 5 }), async (pieces) => {
        expect(await found(pieces, compiled)).toEqual(await found([pieces.join('')], compiled));
      }),
      { numRuns: 200 },
    );
  });

  /** Pieces of this length fill a buffer exactly. */
  const PIECE = 32_768;
  const inPieces = (text: string) =>
    text.match(new RegExp(`[^]{1,${PIECE}}(?![\\udc00-\\udfff])`, 'g')) ?? [];

  // The samples lie across the place up to which a window is certain, and across the end of its buffer.
  test.each([
    ['ab+c', 'abbbbbbc'],
    ['\\bfox\\b', ' fox '],
    ['(?m)^line$', '\nline\n'],
    ['a[^z]*z', `a${'x'.repeat(60_000)}z`],
    ['😀+', '😀😀😀'],
  ])('of %s are found across the end of a window', async (source, sample) => {
    const compiled = pattern(source);
    for (const end of [WINDOW, WINDOW + MAX_MATCH]) {
      for (const inside of [0, 1, sample.length >> 1, sample.length - 1, sample.length]) {
        const text = `${'.'.repeat(end - inside)}${sample}${'.'.repeat(2 * WINDOW)}`;
        const { matches } = await found(inPieces(text), compiled);
        expect(matches.map((match) => match.text)).toEqual([sample.trim()]);
      }
    }
  });

  test('look at what stands before them, also at the beginning of a window', async () => {
    for (const before of ['', '.', '..', '...']) {
      const pieces = inPieces(before + 'xfox'.repeat(WINDOW));
      expect((await found(pieces, pattern('\\bfox'))).matches).toEqual([]);
      expect((await found(pieces, pattern('^'))).matches).toHaveLength(1);
    }
  });

  test(`may have ${MAX_MATCH} code units in any text, and be longer in a short one; else they are refused`, async () => {
    const longest = `${'.'.repeat(WINDOW)}${'x'.repeat(MAX_MATCH - 1)}${'.'.repeat(2 * WINDOW)}`;
    expect((await found([longest], pattern('x+'))).matches.map(({ text }) => text.length)).toEqual([
      MAX_MATCH - 1,
    ]);
    expect((await found(['x'.repeat(WINDOW)], pattern('x+'))).matches).toHaveLength(1);
    const endless = [`${'.'.repeat(WINDOW)}`, 'x'.repeat(4 * WINDOW)];
    await expect(found(endless, pattern('x+'))).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'match_too_long',
    });
  });
});

test('a search that has ended leaves the rest as it is, in any pieces', async () => {
  const pieces = ['a'.repeat(WINDOW), 'ab'.repeat(WINDOW), 'a', 'b'];
  let left = 2;
  const replace = () => (left-- > 0 ? 'X' : undefined);
  let text = '';
  for await (const piece of rewrite(toPieces(pieces), pattern('b'), { replace, yieldTurn })) text += piece;
  expect(text).toBe(pieces.join('').replace('b', 'X').replace('b', 'X'));
});

describe('a pattern', () => {
  test.each([
    ['(', 'missing closing )'],
    ['(?=a)', 'invalid or unsupported Perl syntax'],
    ['(a)\\1', 'invalid escape sequence'],
    ['a{1001}', 'invalid repeat count'],
    ['((a{100}){100}){100}', 'invalid repeat count'],
    ['[z-a]', 'invalid character class range'],
    ['\\p{Klingon}', 'invalid character class range'],
    ['*', 'missing argument to repetition operator'],
  ])('%s is refused with the reason of RE2', async (source, reason) => {
    await expect(operate('x', { op: 'count' }, { op: 'extract', pattern: source })).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'pattern_invalid',
      message: expect.stringContaining(`/operations/1/pattern is not a pattern of RE2: ${reason}`),
      details: { pointer: '/operations/1/pattern' },
    });
  });

  test('with a large program is refused', async () => {
    expect(() => pattern('(?:[a-z][0-9]){499}'.repeat(9))).not.toThrow();
    expect(() => pattern('(?:[a-z][0-9]){499}'.repeat(11))).toThrow(
      'makes a program of more than 10000 steps',
    );
  });

  test('with more than 50 groups is refused', () => {
    expect(() => pattern('(a)'.repeat(50))).not.toThrow();
    expect(() => pattern('(a)'.repeat(51))).toThrow('has more than 50 groups');
  });

  test('may be a plain text', async () => {
    const { text } = await operate('1+1=2', {
      op: 'replace',
      pattern: '1+1',
      literal: true,
      replacement: '$1',
    });
    expect(text).toBe('$1=2');
  });
});

/** Patterns that take a backtracking engine longer than the universe is old. */
const REDOS: readonly (readonly [pattern: string, text: string])[] = [
  ['(a+)+$', `${'a'.repeat(50_000)}!`],
  ['(a|aa)+$', `${'a'.repeat(50_000)}!`],
  ['(a|a)*$', `${'a'.repeat(50_000)}!`],
  ['([a-zA-Z]+)*\\d', 'a'.repeat(50_000)],
  ['(x+x+)+y', 'x'.repeat(50_000)],
  ['(.*a){20}', 'a'.repeat(20_000)],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(50_000)],
  ['(?:a?){50}a{50}', 'a'.repeat(5_000)],
  [
    '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$',
    `${'a'.repeat(20_000)}!`,
  ],
  ['(\\w+\\s?)*$', `${'word '.repeat(10_000)}!`],
  ['("(?:[^"\\\\]|\\\\.)*")+$', `"${'\\"'.repeat(20_000)}`],
  ['<(?:[^>]|>>)*>$', '<'.repeat(50_000)],
  ['\\s+$', `${' '.repeat(50_000)}x`],
  ['(?:(?:(?:a{0,30}){0,30}){0,1})*b', 'a'.repeat(50_000)],
];

// The time-out of a test is the bound. A backtracking engine would not come to an end.
test.each(REDOS)('the pattern %s takes linear time', async (source, text) => {
  const { results } = await operate(text, { op: 'extract', pattern: source, limit: 1 });
  expect(results[0].count).toBeGreaterThanOrEqual(0);
});
