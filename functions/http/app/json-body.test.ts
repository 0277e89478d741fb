import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createApp } from './app.ts';
import { BODY_LIMITS } from './json-body.ts';

/** An application that answers with the body that its routes would get. */
const app = createApp(() => {});
app.post('/', async (c) => c.json({ given: await c.req.json() }));

async function send(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await app.request('/', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** Returns the reasons for refusing a value, found in the simplest way; empty when the value is acceptable. */
function faults(value: unknown, depth = 0): Set<string> {
  const found = new Set<string>();
  if (typeof value === 'string' && value.includes('\u0000')) found.add('NUL');
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) found.add('lone surrogate');
  if (typeof value !== 'object' || value === null) return found;
  if (depth === BODY_LIMITS.depth) return found.add('levels deep');
  for (const key of Object.getOwnPropertyNames(value)) {
    if (Array.isArray(value) && key === 'length') continue;
    if (key === '__proto__') found.add('__proto__');
    const member = Object.getOwnPropertyDescriptor(value, key)?.value;
    for (const fault of [...faults(key), ...faults(member, depth + 1)]) found.add(fault);
  }
  return found;
}

/** JSON with odd keys and characters, nested so deep that a part of it is at the limit. */
const documents = fc
  .tuple(
    fc.jsonValue({ stringUnit: 'binary', depthSize: 'large' }),
    fc.constantFrom('', 'a', 'a\u0000', '\ud800', 'a\udc00', '🥬'),
    fc.constantFrom('a', 'constructor', '__proto__', 'a/b~', '\u0000', '\udfff', ''),
    fc.integer({ min: 0, max: 34 }),
  )
  .map(([value, text, key, levels]) => {
    const leaf = `{"value":${JSON.stringify(value)},${JSON.stringify(key)}:${JSON.stringify(text)}}`;
    return '['.repeat(levels) + leaf + ']'.repeat(levels);
  });

describe('the check of a body', () => {
  test('finds what a plain recursion finds, and accepts all other bodies', async () => {
    let accepted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(documents, async (text) => {
        const value: unknown = JSON.parse(text);
        const expected = [...faults(value)];
        const { status, body } = await send(text);
        if (expected.length === 0) {
          accepted += 1;
          expect([status, JSON.stringify(body.given)]).toEqual([200, JSON.stringify(value)]);
        } else {
          refused += 1;
          expect([status, body.code]).toEqual([400, 'invalid_request']);
          expect(expected.some((fault) => body.errors[0].detail.includes(fault))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
    // Both accepted and refused documents must have occurred.
    expect(Math.min(accepted, refused)).toBeGreaterThan(50);
  });

  test('counts every member and element, wherever they are', async () => {
    const SHAPES: ((members: number) => string)[] = [
      (members) => `[${'0,'.repeat(members - 1)}0]`,
      (members) => `{"a":{"b":[[${'[],'.repeat(members - 4)}0]]}}`,
      (members) => `[[${'0,'.repeat(99_999)}0],[${'0,'.repeat(members - 100_003)}0]]`,
    ];
    for (const shape of SHAPES) {
      expect((await send(shape(BODY_LIMITS.nodes - 1))).status).toBe(200);
      const { status, body } = await send(shape(BODY_LIMITS.nodes));
      expect([status, body.detail]).toEqual([400, 'The body: Must have at most 250000 values']);
    }
  });

  test('refuses an announced length without reading what follows', async () => {
    const { status, body } = await send('{}', { 'content-length': String(BODY_LIMITS.bytes + 1) });
    expect([status, body.code, body.limit_bytes]).toEqual([413, 'body_too_large', BODY_LIMITS.bytes]);
  });

  test('counts bytes and not characters', async () => {
    const half = 'é'.repeat(BODY_LIMITS.bytes / 2 - 1);
    expect((await send(`"${half}"`)).status).toBe(200);
    expect((await send(`"${half}a"`)).status).toBe(413);
  });

  test('refuses two members with the same name, because programs disagree which one counts', async () => {
    for (const [text, pointer] of [
      ['{"a":1,"a":2}', '/a'],
      ['{"a":{"b":[0,{"c/d":1,"x":2,"\\u0063/d":1}]}}', '/a/b/1/c~1d'],
      [`{${Array.from({ length: 100 }, (_, n) => `"${n}":0`)},"57":0}`, '/57'],
    ] as const) {
      const { status, body } = await send(text);
      expect([status, body.errors?.[0]]).toEqual([
        400,
        { in: 'body', pointer, detail: 'Must not occur twice in one object' },
      ]);
    }
  });

  test('refuses a number that a double cannot hold', async () => {
    for (const number of ['9007199254740993', '12345678901234567890', '0.12345678901234567890', '1e-400']) {
      const { status, body } = await send(`{"a":[0,${number}]}`);
      expect([status, body.errors?.[0].pointer]).toEqual([400, '/a/1']);
    }
    for (const number of [
      '9007199254740991',
      '10000000000000000000',
      '0.10000000000000000000',
      '1e2',
      '-0',
    ]) {
      expect((await send(`{"a":[0,${number}]}`)).status).toBe(200);
    }
  });

  test('treats a missing body as an empty object, whatever its content type', async () => {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain']) {
      expect((await send('', { 'content-type': type })).body.given).toEqual({});
    }
    const unlabelled = await app.request('/', { method: 'POST' });
    expect(await unlabelled.json()).toEqual({ given: {} });
  });

  test('a body without a type is refused', async () => {
    const response = await app.request('/', { method: 'POST', body: new TextEncoder().encode('{}') });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      code: 'json_expected',
      errors: [{ in: 'header', pointer: '/content-type' }],
    });
  });
});
