import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { MAX_ROW_BYTES } from '../../result.ts';
import { answering, failureOf, run } from './testing/run-request.ts';

describe('the result', () => {
  test('has status, address, redirects, time and the safe headers', async () => {
    const end = await answering(
      201,
      { etag: '"1"', 'set-cookie': 'a=b', 'x-internal': 'secret', 'content-type': 'text/plain' },
      'done',
    );
    const result = await run({ url: await answering(302, { location: end }) });
    expect(result).toMatchObject({
      status: 201,
      url: `${end}/`,
      redirects: 1,
      body: 'done',
      body_encoding: 'text',
      truncated: false,
      duration_ms: expect.any(Number),
      headers: { etag: '"1"', 'content-type': 'text/plain' },
    });
    expect(JSON.stringify(result)).not.toMatch(/set-cookie|secret/);
  });

  test('cuts a long body, not through a character, and does not read it as JSON', async () => {
    const url = await answering(200, { 'content-type': 'application/json' }, `"${'ü'.repeat(100)}"`);
    const result = await run({ url, max_response_bytes: 10 });
    expect(result).toMatchObject({ truncated: true, body: '"üüüü' });
    expect(result).not.toHaveProperty('json');
  });

  const BODIES = [
    ['JSON', 'application/problem+json; charset=utf-8', '{"a":1}', { body: '{"a":1}', json: { a: 1 } }],
    [
      'JSON with digits that reading it would change',
      'application/json',
      '{"a":12345678901234567890}',
      { body: '{"a":12345678901234567890}', json: undefined },
    ],
    [
      'JSON with a name twice',
      'application/json',
      '{"a":1,"a":2}',
      { body: '{"a":1,"a":2}', json: undefined },
    ],
    ['JSON that is broken', 'application/json', '{"a":', { body: '{"a":', json: undefined }],
    [
      'JSON that could not be stored',
      'application/json',
      '"\\u0000"',
      { body: '"\\u0000"', json: undefined },
    ],
    [
      'JSON that is too deep',
      'application/json',
      `${'['.repeat(9_000)}${']'.repeat(9_000)}`,
      { json: undefined },
    ],
    ['JSON under another name', 'text/plain', '{"a":1}', { body: '{"a":1}', json: undefined }],
    ['Latin-1', 'text/html; charset=ISO-8859-1', Buffer.from('é', 'latin1'), { body: 'é' }],
    ['bytes', 'image/png', Buffer.from([0x89, 0x50, 0xff]), { body: 'iVD/', body_encoding: 'base64' }],
    ['text with NUL', 'text/plain', 'a\u0000b', { body: 'YQBi', body_encoding: 'base64' }],
    [
      'text in an unknown charset',
      'text/plain; charset=klingon',
      'a',
      { body: 'YQ==', body_encoding: 'base64' },
    ],
  ] as const;
  for (const [what, type, body, expected] of BODIES) {
    test(`holds ${what}`, async () => {
      const result = await run({ url: await answering(200, { 'content-type': type }, body) });
      expect({ json: undefined, ...result }).toMatchObject({ json: undefined, ...expected });
    });
  }
});

describe('a compressed answer', () => {
  const ENCODINGS = [
    ['gzip', gzipSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['gzip, br', (body: Buffer) => brotliCompressSync(gzipSync(body))],
  ] as const;
  const text = Array.from({ length: 5_000 }, (_, n) => `Zeile ${n * 7919}: Grüße\n`).join('');
  for (const [encoding, compress] of ENCODINGS) {
    const compressed = compress(Buffer.from(text));
    const headers = { 'content-encoding': encoding, 'content-type': 'text/plain; charset=utf-8' };

    test(`in ${encoding} above max_response_bytes is cut and not dropped, not through a character`, async () => {
      const url = await answering(200, headers, compressed);
      // The second byte of the first ü.
      const max_response_bytes = Buffer.byteLength(text.slice(0, text.indexOf('ü'))) + 1;
      expect(await run({ url, max_response_bytes })).toMatchObject({
        body: text.slice(0, text.indexOf('ü')),
        truncated: true,
      });
      expect(await run({ url, max_response_bytes: 1_048_576 })).toMatchObject({
        body: text,
        truncated: false,
      });
    });

    test(`in ${encoding} is in the error, even when it is cut`, async () => {
      const url = await answering(422, headers, compressed);
      for (const max_response_bytes of [1_000, 1_048_576]) {
        expect(await failureOf({ url, max_response_bytes })).toMatchObject({
          details: { status: 422, body: text.slice(0, 500) },
        });
      }
    });

    test(`in ${encoding} that breaks off is kept as far as it came, and marked`, async () => {
      const url = await answering(200, headers, compressed.subarray(0, -10));
      const result = await run({ url, max_response_bytes: 1_048_576 });
      expect(result).toMatchObject({ status: 200, truncated: true, body_damage: 'incomplete' });
      expect(text.startsWith(result.body)).toBe(true);
      expect(result.body.length).toBeGreaterThan(text.length / 2);
    });
  }

  test('in an unrequested encoding is kept as bytes, and marked', async () => {
    const url = await answering(
      200,
      { 'content-encoding': 'zstd', 'content-type': 'application/json' },
      '{}',
    );
    const result = await run({ url });
    expect(result).toMatchObject({ body: 'e30=', body_encoding: 'base64', body_damage: 'unknown_encoding' });
    expect(result).not.toHaveProperty('json');
  });
});

describe('a result always fits', () => {
  const BODIES = [
    ['JSON that fits once, but not twice', 'application/json', `"${'x'.repeat(200_000)}"`, 200_002],
    ['text that grows when escaped', 'text/plain', '\u0001'.repeat(200_000), 40_000],
    ['text of characters in two halves', 'text/plain', '😀'.repeat(100_000), 120_000],
    ['bytes', 'image/png', Buffer.alloc(900_000, 0xff), 250_000],
  ] as const;
  for (const [what, type, body, atLeast] of BODIES) {
    test(`with ${what}`, async () => {
      const url = await answering(200, { 'content-type': type }, body);
      const result = await run({ url, max_response_bytes: 1_048_576 });
      expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(MAX_ROW_BYTES);
      expect(result.body.length).toBeGreaterThanOrEqual(atLeast);
      expect([result.truncated, result.json, result.body.isWellFormed()]).toEqual([
        type !== 'application/json',
        undefined,
        true,
      ]);
    });
  }
});
