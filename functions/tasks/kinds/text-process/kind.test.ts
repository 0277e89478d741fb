import { describe, expect, test } from 'vitest';
import textProcess from './kind.ts';

const { payload } = textProcess;
const ID = '0199c0de-0000-7000-8000-000000000000';
const COUNT = [{ op: 'count' }];
const source = { text: 'x' };

const withOperation = (operation: object) => ({ source, operations: [operation] });
const search = (change: object) => withOperation({ op: 'extract', pattern: 'x', ...change });

test('a parsed payload parses to itself', () => {
  const given = {
    source: { artifact: ID, encoding: 'shift_jis' },
    normalize: 'NFC',
    language: 'ja',
    operations: [
      { op: 'count' },
      { op: 'keywords' },
      { op: 'replace', pattern: 'a', replacement: 'b' },
      { op: 'diff', with: { text: 'y' } },
      { op: 'html_to_text' },
      { op: 'render' },
    ],
  };
  const parsed = payload.parse(given);
  expect(payload.parse(parsed)).toEqual(parsed);
});

const REFUSED: readonly (readonly [string, string, unknown])[] = [
  ['no source', '/source', { operations: COUNT }],
  ['no text', '/source', { source: {}, operations: COUNT }],
  ['two texts', '/source/url', { source: { text: 'x', url: 'https://example.com/' }, operations: COUNT }],
  [
    'an encoding of an inline text',
    '/source/encoding',
    { source: { text: 'x', encoding: 'utf-8' }, operations: COUNT },
  ],
  [
    'an unknown encoding',
    '/source/encoding',
    { source: { artifact: ID, encoding: 'klingon' }, operations: COUNT },
  ],
  ['something that is no id', '/source/artifact', { source: { artifact: 'x' }, operations: COUNT }],
  [
    'an address of another protocol',
    '/source/url',
    { source: { url: 'ftp://example.com/' }, operations: COUNT },
  ],
  ['NUL in a text', '/source/text', { source: { text: '\0' }, operations: COUNT }],
  ['an unknown member of the source', '/source', { source: { text: 'x', path: '/etc' }, operations: COUNT }],
  ['an unknown language', '/language', { source, language: 'e', operations: COUNT }],
  ['another normalization', '/normalize', { source, normalize: 'NFD', operations: COUNT }],
  ['no operation', '/operations', { source, operations: [] }],
  ['11 operations', '/operations', { source, operations: new Array(11).fill(COUNT[0]) }],
  ['an unknown operation', '/operations/0/op', withOperation({ op: 'translate' })],
  ['an unknown count', '/operations/0/of/0', withOperation({ op: 'count', of: ['pages'] })],
  ['a count twice', '/operations/0/of', withOperation({ op: 'count', of: ['words', 'words'] })],
  ['an empty pattern', '/operations/0/pattern', search({ pattern: '' })],
  ['a long pattern', '/operations/0/pattern', search({ pattern: 'x'.repeat(1_001) })],
  ['an unknown flag', '/operations/0/flags', search({ flags: 'g' })],
  ['a flag twice', '/operations/0/flags', search({ flags: 'ii' })],
  ['no match', '/operations/0/limit', search({ limit: 0 })],
  ['too many matches', '/operations/0/limit', search({ limit: 1_000_001 })],
  [
    'a long replacement',
    '/operations/0/replacement',
    withOperation({ op: 'replace', pattern: 'x', replacement: 'x'.repeat(10_001) }),
  ],
  ['terms of 4 words', '/operations/0/ngram', withOperation({ op: 'keywords', ngram: 4 })],
  ['too many terms', '/operations/0/top', withOperation({ op: 'keywords', top: 1_001 })],
  [
    'stop words of an unknown language',
    '/operations/0/stop_words',
    withOperation({ op: 'keywords', stop_words: 'xx' }),
  ],
  ['nothing to compare with', '/operations/0/with', withOperation({ op: 'diff', with: {} })],
  [
    'a URL to compare with',
    '/operations/0/with',
    withOperation({ op: 'diff', with: { url: 'https://example.com/' } }),
  ],
  ['narrow lines', '/operations/0/wrap', withOperation({ op: 'html_to_text', wrap: 19 })],
  ['variables that are a list', '/operations/0/variables', withOperation({ op: 'render', variables: [] })],
];

describe('a payload is refused with its place', () => {
  test.each(REFUSED)('%s', (_, pointer, given) => {
    const { error } = payload.safeParse(given);
    expect(error?.issues.map(({ path }) => `/${path.join('/')}`)).toContain(pointer);
  });
});

test('the largest values are accepted', () => {
  const given = {
    source,
    operations: [
      ...new Array(7).fill(COUNT[0]),
      { op: 'replace', pattern: 'x'.repeat(1_000), flags: 'ims', replacement: 'x'.repeat(10_000) },
      { op: 'extract', pattern: 'x', limit: 1_000_000 },
      { op: 'keywords', ngram: 3, top: 1_000, min_length: 20 },
    ],
  };
  expect(payload.safeParse(given).success).toBe(true);
});
