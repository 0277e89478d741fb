import type { RequestListener } from 'node:http';
import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { guardedFetch } from '../../../fetch/client/guarded-fetch.ts';
import { serve } from '../../../fetch/testing/server.ts';
import { memoryTaskArtifacts } from '../../artifacts/testing/memory-task-artifacts.ts';
import { PermanentError, RetryError, type TaskContext } from '../../define-task.ts';
import { MAX_ROW_BYTES } from '../../result.ts';
import httpRequest from './inline.ts';

/** A server that gives one answer to every request. */
const answering = (status: number, headers: Record<string, string> = {}, body: string | Uint8Array = '') =>
  serve((_, response) => response.writeHead(status, headers).end(body));

const echo: RequestListener = async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ ...request.headers, method: request.method, body: Buffer.concat(chunks).toString() }),
  );
};

const context: TaskContext = {
  signal: new AbortController().signal,
  taskId: '0198c0de-0000-7000-8000-000000000000',
  attempt: 2,
  idempotencyKey: '0198c0de-0000-7000-8000-000000000000',
  deadline: new Date(Date.now() + 60_000),
  fetch: guardedFetch({ loopback: 'allowed' }),
  artifacts: memoryTaskArtifacts(),
  progress() {},
  log() {},
};

const run = (payload: object, change: Partial<TaskContext> = {}) =>
  httpRequest.perform(payload, { ...context, ...change });

async function failureOf(
  payload: object,
  change: Partial<TaskContext> = {},
): Promise<PermanentError | RetryError> {
  const failure = await run(payload, change).catch((error: unknown) => error);
  if (failure instanceof PermanentError || failure instanceof RetryError) return failure;
  throw new Error('Not a failure of its own kind', { cause: failure });
}

describe('the request', () => {
  test('names its sender and carries the idempotency key of all attempts', async () => {
    expect(await run({ url: await serve(echo) })).toMatchObject({
      json: {
        method: 'GET',
        'idempotency-key': context.idempotencyKey,
        'user-agent': expect.stringMatching(/^Celeriac\//),
      },
    });
  });

  test('lets the caller set the key header, in any case', async () => {
    const headers = { 'Idempotency-Key': 'mine' };
    expect(await run({ url: await serve(echo), headers })).toMatchObject({
      json: { 'idempotency-key': 'mine' },
    });
  });

  test('does not let the caller change its sender', async () => {
    const failure = await failureOf({ url: await serve(echo), headers: { 'USER-AGENT': 'me' } });
    expect(failure).toMatchObject({
      code: 'payload_invalid',
      message: expect.stringContaining('user-agent'),
    });
  });

  const BODIES = [
    ['text', 'plain', 'plain', 'text/plain; charset=utf-8'],
    ['an object', { a: [1, null] }, '{"a":[1,null]}', 'application/json'],
    ['JSON null', null, 'null', 'application/json'],
  ] as const;
  for (const [what, body, sent, type] of BODIES) {
    test(`sends ${what} as ${type}`, async () => {
      expect(await run({ url: await serve(echo), method: 'POST', body })).toMatchObject({
        json: { method: 'POST', body: sent, 'content-type': type },
      });
    });
  }
});

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

describe('a redirect', () => {
  const from = async (status: number, location: string) => answering(status, { location });

  for (const status of [301, 302]) {
    test(`${status} of a POST is not followed to a GET that would pass for a success`, async () => {
      let asked = 0;
      const login = await serve((_, response) => {
        asked += 1;
        response.end('please log in');
      });
      const url = await from(status, login);
      expect(await failureOf({ url, method: 'POST', body: {} })).toMatchObject({
        name: 'PermanentError',
        code: 'redirect_not_followed',
        details: { status, location: login },
      });
      expect(await run({ url, method: 'POST', expected_status: [status] })).toMatchObject({
        status,
        method: 'POST',
        headers: { location: login },
      });
      expect(asked).toBe(0);
    });

    test(`${status} of a PUT, PATCH or DELETE repeats it`, async () => {
      for (const method of ['PUT', 'PATCH', 'DELETE']) {
        const end = await serve(echo);
        const url = await from(status, end);
        expect(await run({ url, method, body: 'the body' })).toMatchObject({
          method,
          json: { method, body: 'the body' },
        });
      }
    });
  }

  for (const status of [307, 308]) {
    test(`${status} repeats a POST with its body, and the result tells both`, async () => {
      const end = await serve(echo);
      const url = await from(status, end);
      expect(await run({ url, method: 'POST', body: 'the body' })).toMatchObject({
        method: 'POST',
        redirects: 1,
        sent: [
          { method: 'POST', url: `${url}/`, status },
          { method: 'POST', url: `${end}/`, status: 200 },
        ],
        json: { method: 'POST', body: 'the body' },
      });
    });
  }

  test('303 leads from a POST to a GET, and the result says so', async () => {
    const end = await serve(echo);
    const url = await from(303, end);
    expect(await run({ url, method: 'POST', body: 'the body' })).toMatchObject({
      method: 'GET',
      url: `${end}/`,
      sent: [
        { method: 'POST', url: `${url}/`, status: 303 },
        { method: 'GET', url: `${end}/`, status: 200 },
      ],
      json: { method: 'GET', body: '' },
    });
  });

  test('is part of the error that follows it', async () => {
    const end = await answering(404);
    const url = await from(303, end);
    expect(await failureOf({ url, method: 'POST' })).toMatchObject({
      details: { status: 404, method: 'GET', sent: [{ status: 303 }, { status: 404 }] },
    });
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

describe('a status', () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    test(`${status} is tried again`, async () => {
      expect(await failureOf({ url: await answering(status) })).toMatchObject({
        name: 'RetryError',
        code: 'unexpected_status',
        afterSeconds: 0,
      });
    });
  }

  for (const status of [304, 400, 401, 403, 404, 409, 422]) {
    test(`${status} is final, and the error contains the answer`, async () => {
      const failure = await failureOf({ url: await answering(status, {}, 'no such thing') });
      const body = status === 304 ? '' : 'no such thing';
      expect(failure).toMatchObject({
        name: 'PermanentError',
        code: 'unexpected_status',
        details: { status, body },
      });
    });
  }

  for (const [status, after] of [
    [429, 30],
    [503, 30],
    [500, 0],
  ] as const) {
    test(`${status} with Retry-After: 30 waits at least ${after} seconds`, async () => {
      const url = await answering(status, { 'retry-after': '30' });
      expect(await failureOf({ url })).toMatchObject({ afterSeconds: after });
    });
  }

  test('that was expected is a success, whatever it is', async () => {
    expect(await run({ url: await answering(500), expected_status: [500] })).toMatchObject({ status: 500 });
    const range = { from: 400, to: 499 };
    expect(await run({ url: await answering(404), expected_status: range })).toMatchObject({ status: 404 });
  });

  test('of success that was not expected is final', async () => {
    expect(await failureOf({ url: await answering(200), expected_status: [201] })).toBeInstanceOf(
      PermanentError,
    );
  });

  test('of an unexpected redirect is final without follow_redirects', async () => {
    const url = await answering(302, { location: '/x' });
    expect(await failureOf({ url, follow_redirects: false })).toMatchObject({ details: { status: 302 } });
    const expected = { url, follow_redirects: false, expected_status: [302] };
    expect(await run(expected)).toMatchObject({ status: 302, headers: { location: '/x' } });
  });
});

describe('without an answer', () => {
  test('a broken connection and a slow server are tried again', async () => {
    const reset = await serve((request) => request.socket.destroy());
    expect(await failureOf({ url: reset })).toMatchObject({ name: 'RetryError', code: 'network' });
    const slow = await serve(() => {});
    expect(await failureOf({ url: slow, timeout_seconds: 0.1 })).toMatchObject({
      name: 'RetryError',
      code: 'timeout',
    });
  });

  test('a private address and a loop of redirects are final', async () => {
    const fetch = guardedFetch({ loopback: 'refused' });
    expect(await failureOf({ url: 'http://169.254.169.254/' }, { fetch })).toMatchObject({
      name: 'PermanentError',
      code: 'address_refused',
    });
    const loop = await answering(302, { location: '/' });
    expect(await failureOf({ url: loop })).toMatchObject({ name: 'PermanentError', code: 'redirect_limit' });
  });

  test('a cancel ends it with the reason of the cancel', async () => {
    const controller = new AbortController();
    const url = await serve(() => controller.abort(new Error('Cancelled')));
    await expect(run({ url }, { signal: controller.signal })).rejects.toThrow('Cancelled');
  });
});
