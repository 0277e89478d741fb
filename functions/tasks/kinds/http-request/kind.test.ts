import { describe, expect, test } from 'vitest';
import httpRequest from './kind.ts';

const url = 'https://example.com/';
const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

test('a URL alone is a valid payload; the rest has defaults', () => {
  expect(httpRequest.payload.parse({ url })).toEqual({
    url,
    method: 'GET',
    expected_status: { from: 200, to: 299 },
    timeout_seconds: 30,
    max_response_bytes: 65_536,
    follow_redirects: true,
  });
});

test('a parsed payload parses to itself', () => {
  const payload = {
    url,
    method: 'POST',
    headers: { 'X-A': '1' },
    body: { a: [1] },
    expected_status: [200, 404],
  };
  const parsed = httpRequest.payload.parse(payload);
  expect(httpRequest.payload.parse(parsed)).toEqual(parsed);
});

const ACCEPTED = [
  ['a body of text', { method: 'POST', body: '' }],
  ['a body of JSON null', { method: 'PUT', body: null }],
  ['a body nested 32 deep', { method: 'PATCH', body: nested(32) }],
  ['a list of statuses', { expected_status: [404] }],
  ['a range of one status', { expected_status: { from: 200, to: 200 } }],
  ['a header value with a tab and Latin-1', { headers: { 'x-a': 'à\tb', 'x-empty': '' } }],
] as const;

for (const [what, change] of ACCEPTED) {
  test(`accepted: ${what}`, () => {
    expect(httpRequest.payload.safeParse({ url, ...change }).error).toBeUndefined();
  });
}

const post = { method: 'POST' };
const REFUSED: readonly (readonly [string, string, object])[] = [
  ['no address', '/url', { url: undefined }],
  ['a relative address', '/url', { url: '/path' }],
  ['another scheme', '/url', { url: 'ftp://example.com/' }],
  ['credentials in the address', '/url', { url: 'https://me:secret@example.com/' }],
  ['a port of another protocol', '/url', { url: 'http://example.com:6379/' }],
  ['line breaks in the address', '/url', { url: 'http://example.com/\r\nX: y' }],
  ['a long address', '/url', { url: url + 'x'.repeat(9_000) }],
  ['an unknown method', '/method', { method: 'TRACE' }],
  ['a body with GET', '/body', { body: 'x' }],
  ['a body with HEAD', '/body', { method: 'HEAD', body: {} }],
  ['a body that is too long', '/body', { ...post, body: 'x'.repeat(262_145) }],
  ['a body nested too deep', '/body', { ...post, body: nested(33) }],
  ['a body nested much too deep', '/body', { ...post, body: nested(5_000) }],
  ['NUL in the body', '/body', { ...post, body: { a: ['\u0000'] } }],
  ['half a character in the body', '/body', { ...post, body: { '\ud800': 1 } }],
  ['headers in a list', '/headers', { headers: [['a', 'b']] }],
  ['a header that is no string', '/headers/x-a', { headers: { 'x-a': 1 } }],
  ['a header injected into a value', '/headers/x-a', { headers: { 'x-a': '1\r\nHost: inner' } }],
  ['a header injected into a name', '/headers/x: 1\r\nHost', { headers: { 'x: 1\r\nHost': 'inner' } }],
  ['a header given twice', '/headers/X-A', { headers: { 'x-a': '1', 'X-A': '2' } }],
  [
    'too many headers',
    '/headers',
    { headers: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`x-${i}`, ''])) },
  ],
  ['too long headers', '/headers', { headers: { 'x-a': 'x'.repeat(17_000) } }],
  [
    'a header named __proto__ of a wrong type',
    '/headers/__proto__',
    { headers: JSON.parse('{"__proto__":{}}') },
  ],
  ['a status that is none', '/expected_status/0', { expected_status: [99] }],
  ['an empty list of statuses', '/expected_status', { expected_status: [] }],
  ['a range that runs backwards', '/expected_status', { expected_status: { from: 300, to: 200 } }],
  ['too much time', '/timeout_seconds', { timeout_seconds: 61 }],
  ['no time', '/timeout_seconds', { timeout_seconds: 0 }],
  ['too long answers', '/max_response_bytes', { max_response_bytes: 1_048_577 }],
  ['an unknown field', '/', { follow: true }],
];

describe('refused', () => {
  for (const [what, pointer, change] of REFUSED) {
    test(what, () => {
      const issues = httpRequest.payload.safeParse({ url, ...change }).error?.issues ?? [];
      expect(issues.map(({ path }) => `/${path.join('/')}`)).toContain(pointer);
    });
  }

  for (const name of [
    'Host',
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Content-Length',
    'Expect',
    'Proxy-Authorization',
    'Accept-Encoding',
  ]) {
    test(`the header ${name}`, () => {
      const { success } = httpRequest.payload.safeParse({ url, headers: { [name]: 'x' } });
      expect(success).toBe(false);
    });
  }
});
