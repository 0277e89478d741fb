import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { operate, perform } from '../testing/perform.ts';
import { graphemesIn } from './graphemes.ts';
import { Parts } from './segments.ts';
import { Words } from './words.ts';

/* Counts are held to the test data of UAX #29, and the fast paths to Intl.Segmenter. */

type Case = { text: string; segments: string[] };

/** Reads a test file of the Unicode Character Database: code points, with ÷ where a text breaks and × where it does not. */
function casesOf(name: string): Case[] {
  const lines = readFileSync(new URL(`../testing/${name}.txt`, import.meta.url), 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('÷'))
    .map((line) => {
      const segments = line
        .split('÷')
        .map((part) => part.replaceAll('×', ' ').trim())
        .filter((part) => part !== '')
        .map((part) => String.fromCodePoint(...part.split(/\s+/).map((code) => Number.parseInt(code, 16))));
      return { text: segments.join(''), segments };
    });
}

const hexOf = (text: string) => [...text].map((each) => each.codePointAt(0)?.toString(16)).join(' ');

/** ICU 78 does not take U+2701 (scissors) for a pictograph that a joiner (U+200D) joins; the test data does. */
const SCISSORS = ['2701 200d 2701', '61 200d 2701'];

/** Texts that ICU segments in another way than the test data. */
const differingFrom = (cases: Case[], granularity: 'grapheme' | 'word' | 'sentence') => {
  const segmenter = new Intl.Segmenter('en', { granularity });
  return cases
    .filter(
      ({ text, segments }) =>
        [...segmenter.segment(text)].map(({ segment }) => segment).join('÷') !== segments.join('÷'),
    )
    .map(({ text }) => hexOf(text));
};

test('the data is that of the Unicode version of Node', () => {
  expect(process.versions.unicode).toBe('17.0');
});

describe('graphemes', () => {
  const cases = casesOf('GraphemeBreakTest');
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

  test('are counted as the test data of UAX #29 says', () => {
    expect(cases.length).toBeGreaterThan(700);
    const wrong = cases.filter(({ text, segments }) => graphemesIn(text, segmenter) !== segments.length);
    expect(wrong.map(({ text }) => hexOf(text))).toEqual(SCISSORS.slice(0, 1));
  });

  test('are counted as the segmenter counts them, in any text', () => {
    const unit = fc.oneof(
      fc.constantFrom(...' aé\r\nא가ㅎ한🇩🇪👨\u200d👩\u0301\u0903\u0600日ガไทยกำ\u{1f3fb}❤\ufe0f©®क्ष'),
      fc.string({ unit: 'binary', maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), (units) => {
        const text = units.join('');
        expect(graphemesIn(text, segmenter)).toBe([...segmenter.segment(text)].length);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('words', () => {
  const cases = casesOf('WordBreakTest');

  test('are those of the test data of UAX #29, as ICU has them', async () => {
    expect(cases.length).toBeGreaterThan(1_800);
    expect(differingFrom(cases, 'word')).toEqual(SCISSORS);
    const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
    for (const { text } of cases) {
      const words = new Words('en');
      const found = [...words.add(text), ...words.end()].flat();
      const wanted = [...segmenter.segment(text)].flatMap(({ segment, isWordLike }) =>
        isWordLike ? [segment] : [],
      );
      expect([hexOf(text), found]).toEqual([hexOf(text), wanted]);
    }
  });

  test.each(['en', 'de', 'fr', 'sv', 'fi', 'el'])(
    'are those of the segmenter in simple texts too: %s',
    (language) => {
      const unit = fc.constantFrom(...'日aZé_09 .,:;\'"-’‘·\n!?/@…“”º²½€');
      const segmenter = new Intl.Segmenter(language, { granularity: 'word' });
      fc.assert(
        fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
          const text = units.join('');
          const words = new Words(language);
          const found = [...words.add(text), ...words.end()].flat();
          expect(found).toEqual(
            [...segmenter.segment(text)].flatMap(({ segment, isWordLike }) => (isWordLike ? [segment] : [])),
          );
        }),
        { numRuns: 3_000 },
      );
    },
  );
});

test('sentences are those of the test data of UAX #29, as ICU has them', () => {
  const cases = casesOf('SentenceBreakTest');
  expect(cases.length).toBeGreaterThan(500);
  expect(differingFrom(cases, 'sentence')).toEqual([]);
});

describe('a text that is longer than a window', () => {
  const window = 65_536;
  const count = async (text: string, language = 'en') => {
    const operations = [{ op: 'count' }];
    return (await perform({ source: { text }, language, operations })).result.results[0];
  };
  const whole = (text: string, granularity: 'grapheme' | 'word' | 'sentence', language = 'en') =>
    [...new Intl.Segmenter(language, { granularity }).segment(text)].filter(({ segment, isWordLike }) =>
      granularity === 'word' ? isWordLike : granularity === 'grapheme' || /\S/.test(segment),
    ).length;

  test.each([
    ['lines', 'Mr. Smith can’t pay 3.50 €, said J. R. Said he? "No."\r\n'.repeat(12_000)],
    ['one line', 'Mr. Smith can’t pay 3.50 €, said he? "No." '.repeat(14_000)],
    ['flags, which pair up from the first', '🇩🇪🇫🇷🇯🇵'.repeat(30_000)],
    ['combined characters', `${'e\u0301\u0302'.repeat(200_000)}`],
  ])('has the counts of the whole text: %s', async (_, text) => {
    expect(text.length).toBeGreaterThan(window * 4);
    expect(await count(text)).toMatchObject({
      graphemes: whole(text, 'grapheme'),
      words: whole(text, 'word'),
      sentences: whole(text, 'sentence'),
    });
  });

  test('may be a line of one character, which takes linear time', async () => {
    // A search that goes back over the same characters again and again would not come to an end.
    for (const unit of ['x', '日', 'x日', '_', "'", 'e\u0301', '\u1100']) {
      const { lines } = await count(unit.repeat(200_000 / unit.length));
      expect(lines).toBe(1);
    }
  });

  test('may be a single word', async () => {
    expect(await count('x'.repeat(3 * window))).toMatchObject({
      words: 1,
      sentences: 1,
      graphemes: 3 * window,
      lines: 1,
    });
    const { results } = await operate(`${'x'.repeat(3 * window)} end`, { op: 'keywords' });
    expect(results[0].terms).toEqual([{ term: 'end', count: 1 }]);
  });

  test('is cut into parts that end where a segment ends', () => {
    const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
    const parts = new Parts([], segmenter);
    const text = 'a quick, brown fox '.repeat(30_000);
    const found = [...parts.add(text), ...parts.end()];
    expect(found.map((part) => part.text).join('')).toBe(text);
    expect(found.length).toBeGreaterThan(1);
    for (const { text: part } of found.slice(0, -1))
      expect(part).toMatch(/(?:\b(?:a|quick|brown|fox)|[ ,])$/);
  });
});
