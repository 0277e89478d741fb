import { describe, expect, test } from 'vitest';
import { AttemptAborted } from '../../attempt-aborted.ts';
import { FILE, operate, perform } from './testing/perform.ts';

const COUNT = { op: 'count' };
const file = (content: string | Uint8Array, mediaType = 'text/plain') => ({
  files: { [FILE]: { name: 'a.txt', mediaType, content } },
});
const onFile = (operations: object[] = [COUNT], encoding?: string) => ({
  source: { artifact: FILE, ...(encoding && { encoding }) },
  operations,
});

describe('count', () => {
  test.each([
    [
      'Grüße, 👨‍👩‍👧‍👦!\r\nIt costs 3.50 €. Can’t it?\n',
      { bytes: 68, code_points: 44, graphemes: 37, words: 6, sentences: 3, lines: 2 },
    ],
    ['', { bytes: 0, code_points: 0, graphemes: 0, words: 0, sentences: 0, lines: 0 }],
    ['\n', { bytes: 1, code_points: 1, graphemes: 1, words: 0, sentences: 0, lines: 1 }],
    ['a\r\nb\rc', { bytes: 6, code_points: 6, graphemes: 5, words: 3, sentences: 3, lines: 3 }],
  ])('counts what %j contains', async (text, counts) => {
    const { results } = await operate(text, COUNT);
    expect(results).toEqual([{ op: 'count', ...counts, language: 'en' }]);
  });

  test('finds words of a language without spaces by its dictionary', async () => {
    const { result } = await perform({
      source: { text: '東京都に住んでいます' },
      language: 'ja',
      operations: [{ op: 'count', of: ['words'] }],
    });
    expect(result.results[0].words).toBeGreaterThan(3);
  });

  test('returns no text that was not changed', async () => {
    expect((await perform({ source: { text: 'x' }, operations: [COUNT] })).result).not.toHaveProperty('text');
  });
});

describe('the source', () => {
  test('may be an artifact in a legacy encoding that is declared', async () => {
    const sjis = Uint8Array.from([0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea]);
    const { result } = await perform(onFile([{ op: 'extract', pattern: '.+' }], 'shift_jis'), file(sjis));
    expect(result).toMatchObject({
      source: { bytes: 6, encoding: 'shift_jis' },
      results: [{ count: 1, matches: [{ offset: 0, text: '日本語' }] }],
    });
  });

  test('has the encoding of its media type when none is declared', async () => {
    const { result } = await perform(
      onFile([{ op: 'extract', pattern: '.+' }]),
      file(Uint8Array.from([0xe9]), 'text/plain; charset=ISO-8859-1'),
    );
    expect(result).toMatchObject({
      source: { encoding: 'windows-1252' },
      results: [{ matches: [{ text: 'é' }] }],
    });
  });

  test.each([
    ['UTF-8', Buffer.from('Grüße aus München\n'.repeat(10)), 'utf-8'],
    ['UTF-16 with a mark', Buffer.from('\ufeffGrüße', 'utf16le'), 'utf-16le'],
    [
      'ISO-8859-1',
      Buffer.from('Grüße aus München, schöne Straßen und Häuser\n'.repeat(10), 'latin1'),
      'windows-1252',
    ],
    ['plain ASCII', Buffer.from('plain'), 'utf-8'],
  ])('has a detected encoding on request: %s', async (_, content, encoding) => {
    const { result } = await perform(onFile([COUNT], 'detect'), file(content));
    expect(result.source).toMatchObject({ encoding, bytes: content.length });
    expect(result.source.encoding_confidence).toBeGreaterThan(0.2);
  });

  test('that is invalid in its encoding fails with the place of the first bad byte', async () => {
    const long = Buffer.concat([
      Buffer.from(`x${'ü'.repeat(40_000)}`),
      Buffer.from([0xff]),
      Buffer.from('x'),
    ]);
    await expect(perform(onFile(), file(long))).rejects.toMatchObject({
      code: 'text_invalid',
      message: 'The text is not valid UTF-8 at byte 80001',
      details: { byte_offset: 80_001 },
    });
  });

  test('may be at a public address', async () => {
    const body = Buffer.from('caf\xe9', 'latin1');
    const asked: object[] = [];
    const { result } = await perform(
      { source: { url: 'https://example.com/' }, operations: [{ op: 'extract', pattern: '\\pL+' }] },
      {
        fetch: async (request) => {
          asked.push(request);
          return {
            ...{ url: request.url, method: 'GET', status: 200, truncated: false, redirects: 0, sent: [] },
            headers: { 'content-type': 'text/html; charset="latin1"' },
            body,
          };
        },
      },
    );
    expect(asked).toMatchObject([{ url: 'https://example.com/', maxBytes: 16 * 1024 * 1024 }]);
    expect(result).toMatchObject({ source: { bytes: 4 }, results: [{ matches: [{ text: 'café' }] }] });
  });

  test.each([
    [404, 'PermanentError'],
    [503, 'RetryError'],
  ])('at an address that answers %i fails with a %s', async (status, name) => {
    const fetch = async ({ url }: { url: string }) => ({
      ...{ url, method: 'GET' as const, status, truncated: false, redirects: 0, sent: [] },
      headers: {},
      body: new Uint8Array(),
    });
    await expect(
      perform({ source: { url: 'https://example.com/' }, operations: [COUNT] }, { fetch }),
    ).rejects.toMatchObject({ name, code: 'unexpected_status', details: { status } });
  });

  test('is normalized on request, also where a piece of it ends within a character', async () => {
    const decomposed = `${'x'.repeat(65_535)}e\u0301 ${'가'.normalize('NFD').repeat(40_000)}`;
    const { result, stored } = await perform(
      { source: { artifact: FILE }, normalize: 'NFC', operations: [COUNT] },
      file(decomposed),
    );
    expect(stored[0]?.content.toString()).toBe(decomposed.normalize('NFC'));
    expect(result.artifact.bytes).toBe(Buffer.byteLength(decomposed.normalize('NFC')));
  });
});

describe('the text', () => {
  test('goes from one operation to the next', async () => {
    const { results, text } = await operate(
      '<p>Hello <b>{{ name }}</b>!</p>',
      { op: 'html_to_text' },
      { op: 'count', of: ['words'] },
      { op: 'render', variables: { name: 'Ada' } },
      { op: 'replace', pattern: 'a\\b', replacement: 'ele' },
    );
    expect(text).toBe('Hello Adele!');
    expect(results).toEqual([
      { op: 'html_to_text', bytes: 17 },
      { op: 'count', words: 2, language: 'en' },
      { op: 'render', bytes: 10 },
      { op: 'replace', replacements: 1 },
    ]);
  });

  const REPLACE = [{ op: 'replace', pattern: 'a', replacement: 'é' }];
  test('is in the result up to 65,536 bytes of UTF-8, else an artifact', async () => {
    const short = await perform({ source: { text: 'a'.repeat(32_768) }, operations: REPLACE });
    expect(short.result.text).toBe('é'.repeat(32_768));
    const long = await perform({ source: { text: `${'a'.repeat(32_768)}b` }, operations: REPLACE });
    expect(long.result).toMatchObject({
      artifact: {
        id: long.stored[0]?.id,
        name: 'text.txt',
        media_type: 'text/plain; charset=utf-8',
        bytes: 65_537,
      },
    });
    expect(long.result).not.toHaveProperty('text');
    expect(long.stored[0]?.content.toString()).toBe(`${'é'.repeat(32_768)}b`);
  });

  test('is an artifact or left out on request', async () => {
    const asked = (output: string) => perform({ source: { text: 'a' }, operations: REPLACE, output });
    expect((await asked('artifact')).stored[0]?.content.toString()).toBe('é');
    const { result, stored } = await asked('none');
    expect([Object.keys(result), stored]).toEqual([['source', 'results'], []]);
  });

  test('with NUL becomes an artifact, because results cannot hold NUL', async () => {
    const { stored } = await perform({ source: { artifact: FILE }, operations: REPLACE }, file('a\0'));
    expect(stored[0]?.content.toString()).toBe('é\0');
  });
});

test('progress names the bytes and the operations', async () => {
  const { progress } = await perform(onFile(), file('x'.repeat(200_000)));
  expect(progress[0]).toEqual([0, 'count']);
  expect(progress).toContainEqual([0.95 * (65_536 / 200_000), '0.1 MB of 0.2 MB: count']);
  expect(progress.at(-1)?.[0]).toBe(1);
});

test('a cancel is noticed between two pieces', async () => {
  const stop = new AbortController();
  const piece = Buffer.from('to be or not to be\n'.repeat(3_000));
  let pieces = 0;
  async function* endless() {
    for (;;) {
      pieces += 1;
      // The text has no end.
      if (pieces === 20) stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
      yield piece;
    }
  }
  const artifacts = {
    open: async (id: string) => ({
      id,
      name: 'a',
      mediaType: 'text/plain',
      bytes: 1e9,
      sha256: '',
      content: endless(),
    }),
    create: () => expect.fail('nothing is stored'),
  };
  await expect(
    perform(onFile([{ op: 'language' }]), { signal: stop.signal, artifacts }),
  ).rejects.toMatchObject({
    code: 'cancelled',
  });
});
