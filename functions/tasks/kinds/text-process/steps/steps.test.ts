import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FILE, operate, perform } from '../testing/perform.ts';
import { FrequentTerms } from './frequent-terms.ts';

const failing = (text: string, operation: object) =>
  operate(text, operation).then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error,
  );

describe('language', () => {
  test.each([
    ['en', 'All human beings are born free and equal in dignity and rights.'],
    ['de', 'Alle Menschen sind frei und gleich an Würde und Rechten geboren.'],
    ['fr', 'Tous les êtres humains naissent libres et égaux en dignité et en droits.'],
    ['ja', 'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。'],
    ['ru', 'Все люди рождаются свободными и равными в своём достоинстве и правах.'],
    ['ar', 'يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.'],
    ['eu', 'Gizon-emakume guztiak aske jaiotzen dira, duintasun eta eskubide berberak dituztela.'],
  ])('%s is detected', async (language, text) => {
    const { results } = await operate(text, { op: 'language' });
    expect(results[0]).toMatchObject({ op: 'language', language, is_reliable: true });
    expect(results[0].confidence).toBeGreaterThan(0.5);
    expect(results[0].candidates[0]).toEqual({ language, score: results[0].confidence });
  });

  test('is null when there is none', async () => {
    expect((await operate('12345', { op: 'language' })).results).toEqual([
      { op: 'language', language: null, confidence: 0, is_reliable: false, candidates: [] },
    ]);
  });
});

describe('keywords', () => {
  test('are counted in lower case, without stop words and short words', async () => {
    const { results } = await operate('The fox, the FOX and a dog. x x x', { op: 'keywords' });
    expect(results).toEqual([
      {
        op: 'keywords',
        terms: [
          { term: 'fox', count: 2 },
          { term: 'dog', count: 1 },
        ],
        total: 3,
        is_exact: true,
        distinct: 2,
        stop_words: 'en',
      },
    ]);
  });

  test('may have stop words of another language, or none', async () => {
    const of = async (stop_words?: string) =>
      (await operate('der Fuchs the fox', { op: 'keywords', stop_words })).results[0].terms.map(
        ({ term }: { term: string }) => term,
      );
    expect(await of()).toEqual(['der', 'fox', 'fuchs']);
    expect(await of('de')).toEqual(['fox', 'fuchs', 'the']);
    expect(await of('none')).toEqual(['der', 'fox', 'fuchs', 'the']);
  });

  test('of several words neither begin nor end with a stop word, and stay in their line', async () => {
    const { results } = await operate('state of the art\nart state', { op: 'keywords', ngram: 2 });
    expect(results[0].terms).toEqual([{ term: 'art state', count: 1 }]);
    const three = await operate('state of art', { op: 'keywords', ngram: 3 });
    expect(three.results[0].terms).toEqual([{ term: 'state of art', count: 1 }]);
  });

  test('beyond the bound are estimated, with their error', () => {
    const given = fc.array(
      fc.integer({ min: 0, max: 30 }).map((number) => `t${Math.floor(Math.sqrt(number))}${number % 7}`),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(given, (terms) => {
        const counted = new FrequentTerms(8);
        for (const term of terms) counted.add(term);
        const estimated = new Map(counted.top(100));
        expect(estimated.size).toBeLessThanOrEqual(8);
        for (const term of new Set(terms)) {
          const real = terms.filter((each) => each === term).length;
          const estimate = estimated.get(term) ?? 0;
          expect(estimate).toBeLessThanOrEqual(real);
          expect(real - estimate).toBeLessThanOrEqual(counted.error);
        }
      }),
    );
  });

  test('say when they are estimated', async () => {
    const rare = Array.from({ length: 100_001 }, (_, at) => `w${at.toString(36)}`);
    const { result } = await perform(
      { source: { artifact: FILE }, operations: [{ op: 'keywords', top: 1, stop_words: 'none' }] },
      {
        files: {
          [FILE]: {
            name: 'a',
            mediaType: 'text/plain',
            content: `${'often '.repeat(50)}\n${rare.join('\n')}`,
          },
        },
      },
    );
    expect(result.results[0]).toEqual({
      op: 'keywords',
      terms: [{ term: 'often', count: 49 }],
      total: 100_051,
      is_exact: false,
      max_error: 1,
      stop_words: 'none',
    });
  });
});

describe('replace', () => {
  const replaced = async (text: string, pattern: string, replacement: string) =>
    (await operate(text, { op: 'replace', pattern, replacement })).text;

  test('puts groups into the replacement', async () => {
    expect(await replaced('Ada Lovelace', '(?P<first>\\w+) (\\w+)', '$2, $<first> ($&) $$1')).toBe(
      'Lovelace, Ada (Ada Lovelace) $1',
    );
    expect(await replaced('ab', '(a)|(b)', '<$1$2>')).toBe('<a><b>');
  });

  test.each(['$2', '$0', '$<none>', '$', '$x', '$<constructor>'])(
    'refuses the unknown group %s',
    async (replacement) => {
      expect(await failing('a', { op: 'replace', pattern: '(a)', replacement })).toMatchObject({
        name: 'PermanentError',
        code: 'replacement_invalid',
        details: { pointer: '/operations/0/replacement' },
      });
    },
  );

  test('may refer to groups 50 times', async () => {
    const refer = (times: number) =>
      operate('a', { op: 'replace', pattern: 'a', replacement: '$&$$'.repeat(times) });
    expect((await refer(50)).text).toBe('a$'.repeat(50));
    await expect(refer(51)).rejects.toMatchObject({ name: 'PermanentError', code: 'replacement_invalid' });
  });

  test('stops after its limit', async () => {
    const { text, results } = await operate('aaaa', {
      op: 'replace',
      pattern: 'a',
      replacement: 'b',
      limit: 2,
    });
    expect([text, results]).toEqual(['bbaa', [{ op: 'replace', replacements: 2 }]]);
  });
});

describe('extract', () => {
  test('lists the matches with groups and names', async () => {
    const { results } = await operate('k=v', { op: 'extract', pattern: '(?P<key>\\w)=(\\w)' });
    expect(results).toEqual([
      {
        op: 'extract',
        count: 1,
        matches: [{ offset: 0, text: 'k=v', groups: ['k', 'v'], named: { key: 'k' } }],
      },
    ]);
  });

  test('keeps as many matches as it is told, and counts all', async () => {
    const { results } = await operate('aaa', { op: 'extract', pattern: 'a', limit: 2 });
    expect(results[0]).toMatchObject({ count: 3, kept: 2, matches: [{ offset: 0 }, { offset: 1 }] });
  });

  test('puts many matches into an artifact', async () => {
    const { results, stored } = await operate('ab '.repeat(5_000), { op: 'extract', pattern: '\\w+' });
    expect(results[0]).toMatchObject({
      count: 5_000,
      artifact: { id: stored[0]?.id, media_type: 'application/x-ndjson' },
    });
    const lines = stored[0]?.content.toString().trimEnd().split('\n') ?? [];
    expect(lines).toHaveLength(5_000);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ offset: 14_997, text: 'ab' });
  });
});

describe('diff', () => {
  test('makes a unified patch, and leaves the text as it is', async () => {
    const diff = { op: 'diff', with: { text: 'a\nB\nc\nd\n' } };
    const { results } = await operate('a\nb\nc\n', diff, { op: 'count', of: ['lines'] });
    expect(results[0]).toEqual({
      op: 'diff',
      is_equal: false,
      added: 2,
      removed: 1,
      hunks: 1,
      patch: '--- text\n+++ with\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d\n',
    });
    expect(results[1].lines).toBe(3);
  });

  test('compares with an artifact, in its encoding', async () => {
    const { result } = await perform(
      { source: { text: 'é' }, operations: [{ op: 'diff', with: { artifact: FILE, encoding: 'latin1' } }] },
      { files: { [FILE]: { name: 'a', mediaType: 'text/plain', content: Uint8Array.from([0xe9]) } } },
    );
    expect(result.results).toEqual([
      { op: 'diff', is_equal: true, added: 0, removed: 0, hunks: 0, patch: '' },
    ]);
  });

  test('of 2,000 changed lines is made, of more is refused', async () => {
    const lines = (count: number, word: string) => `${word}\n`.repeat(count);
    const { results, stored } = await operate(lines(1_000, 'some line'), {
      op: 'diff',
      with: { text: lines(1_000, 'another line') },
    });
    expect(results[0]).toMatchObject({ added: 1_000, removed: 1_000 });
    expect(stored).toEqual([]);
    expect(await failing(lines(1_001, 'a'), { op: 'diff', with: { text: lines(1_000, 'b') } })).toMatchObject(
      {
        name: 'PermanentError',
        code: 'diff_too_large',
      },
    );
  });
});

describe('html_to_text', () => {
  test('gives the text that a reader sees', async () => {
    const html =
      '<style>p{}</style><h1>Hi</h1><p>a <a href="https://a.example/">link</a> &amp; <img src=x alt="pic"></p><script>alert(1)</script><ul><li>one</ul>';
    expect((await operate(html, { op: 'html_to_text' })).text).toBe(
      'HI\n\na link [https://a.example/] &\n\n * one',
    );
    expect((await operate(html, { op: 'html_to_text', links: false })).text).toContain('a link &');
  });

  test('wraps lines on request', async () => {
    const { text } = await operate(`<p>${'word '.repeat(20)}</p>`, { op: 'html_to_text', wrap: 20 });
    expect(Math.max(...text.split('\n').map((line: string) => line.length))).toBeLessThanOrEqual(20);
  });

  test.each([
    ['deep', '<div>'.repeat(100_000)],
    ['of nothing but brackets', '<'.repeat(500_000)],
    ['of one tag with many attributes', `<a ${'b="c" '.repeat(80_000)}>`],
    ['of nested tables', '<table><tr><td>'.repeat(20_000)],
  ])('bears HTML that is %s', async (_, html) => {
    expect((await operate(html, { op: 'html_to_text' })).results[0].op).toBe('html_to_text');
  });

  test.each([
    ['html_to_text', 2_097_152, {}],
    ['render', 262_144, {}],
    ['diff', 4_194_304, { with: { text: '' } }],
  ])('%s takes %i characters, and no more', async (op, max, settings) => {
    const of = (length: number) =>
      perform(
        { source: { artifact: FILE }, operations: [{ op, ...settings }], output: 'none' },
        { files: { [FILE]: { name: 'a', mediaType: 'text/plain', content: 'x'.repeat(length) } } },
      );
    await expect(of(max)).resolves.toBeDefined();
    await expect(of(max + 1)).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'text_too_large',
      details: { pointer: '/operations/0', limit: max },
    });
  });
});

describe('render', () => {
  const rendered = async (template: string, variables: object = {}, settings: object = {}) =>
    (await operate(template, { op: 'render', variables, ...settings })).text;

  test('fills a Liquid template', async () => {
    const template =
      '{% for item in items %}{{ item.name | upcase }}: {{ item.price | times: 2 }}\n{% endfor %}';
    expect(
      await rendered(template, {
        items: [
          { name: 'a', price: 1.5 },
          { name: 'b', price: 2 },
        ],
      }),
    ).toBe('A: 3\nB: 4\n');
  });

  test('escapes values for HTML on request', async () => {
    const variables = { x: '<b>' };
    expect(await rendered('{{ x }}<i>', variables)).toBe('<b><i>');
    expect(await rendered('{{ x }}<i>', variables, { escape: 'html' })).toBe('&lt;b&gt;<i>');
  });

  test('a missing variable is an error with its line, or empty on request', async () => {
    expect(await failing('one\n{{ user.name }}', { op: 'render', variables: { user: {} } })).toMatchObject({
      name: 'PermanentError',
      code: 'template_failed',
      message: expect.stringMatching(/\/operations\/0: undefined variable: user\.name, line:2/),
    });
    expect(await rendered('[{{ user.name }}]', { user: {} }, { strict: false })).toBe('[]');
  });

  test.each([
    ['{% if %}', 'template_invalid'],
    ['{{ x | nothing }}', 'template_invalid'],
    ['{{ x', 'template_invalid'],
    ['{% include "/etc/passwd" %}', 'template_invalid'],
    ['{% render "a" %}', 'template_invalid'],
    ['{% layout "a" %}', 'template_invalid'],
    ['{{ x.constructor }}', 'template_failed'],
    ['{{ x.__proto__ }}', 'template_failed'],
    ['{{ constructor.constructor }}', 'template_failed'],
    ['{% for i in (1..100000000) %}{% endfor %}', 'template_failed'],
    ['{% for i in (1..10000) %}{% for j in (1..10000) %}{% endfor %}{% endfor %}', 'template_failed'],
    ['{% for i in (1..10000) %}{{ s }}{{ s }}{% endfor %}', 'template_failed'],
    ['{% assign t = s %}{% for i in (1..40) %}{% assign t = t | append: t %}{% endfor %}', 'template_failed'],
    ['{% capture t %}{% for i in (1..400000) %}{{ s }}{% endfor %}{% endcapture %}', 'template_failed'],
    ['{{ s | replace: "x", s | replace: "x", s }}', 'template_failed'],
  ])('%s ends as a permanent error', async (template, code) => {
    const variables = { x: {}, s: 'x'.repeat(1_000) };
    expect(await failing(template, { op: 'render', variables })).toMatchObject({
      name: 'PermanentError',
      code,
    });
  });
});
