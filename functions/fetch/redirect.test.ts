import { describe, expect, test } from 'vitest';
import type { FetchMethod } from './port.ts';
import { type Hop, nextHop } from './redirect.ts';

const hop = (method: FetchMethod, url = 'https://a.example/one?x=1'): Hop => ({
  url: new URL(url),
  method,
  headers: new Map([
    ['authorization', 'Bearer secret'],
    ['cookie', 'session=1'],
    ['x-api-key', 'secret'],
    ['content-type', 'application/json'],
    ['accept', '*/*'],
  ]),
  body: '{}',
});

const METHOD_AFTER: readonly [number, FetchMethod, FetchMethod][] = [
  [301, 'GET', 'GET'],
  [302, 'PUT', 'PUT'],
  [301, 'HEAD', 'HEAD'],
  [303, 'POST', 'GET'],
  [303, 'PUT', 'GET'],
  [303, 'DELETE', 'GET'],
  [303, 'HEAD', 'HEAD'],
  [307, 'POST', 'POST'],
  [308, 'PATCH', 'PATCH'],
];

describe('the method after a redirect', () => {
  for (const [status, before, after] of METHOD_AFTER) {
    const changed = before !== after;
    test(`${status} makes of ${before} a ${after}${changed ? ' without its body' : ''}`, () => {
      const next = nextHop(hop(before), status, '/two');
      expect(next).toMatchObject({ method: after, url: new URL('https://a.example/two') });
      expect([next?.body === undefined, next?.headers.has('content-type')]).toEqual([changed, !changed]);
    });
  }
});

test('a POST is not followed where it would arrive as a GET', () => {
  for (const status of [301, 302]) expect(nextHop(hop('POST'), status, '/two')).toBeUndefined();
});

test('the same origin keeps all headers, another one only those that are no secrets', () => {
  expect(nextHop(hop('GET'), 302, '/two')?.headers.get('authorization')).toBe('Bearer secret');
  for (const location of [
    'https://b.example/',
    '//b.example/',
    'https://a.example:8443/',
    'https://sub.a.example/',
  ]) {
    const headers = nextHop(hop('PUT'), 307, location)?.headers ?? new Map();
    expect([...headers.keys()].sort()).toEqual(['accept', 'content-type']);
  }
});

test('an answer without a redirect status or a Location is the end', () => {
  expect([
    nextHop(hop('GET'), 200, '/x'),
    nextHop(hop('GET'), 304, '/x'),
    nextHop(hop('GET'), 302, undefined),
  ]).toEqual([undefined, undefined, undefined]);
});

const REFUSED = [
  ['from https to http', 'http://a.example/', 'redirect_refused'],
  ['to no URL', 'http://[', 'redirect_refused'],
  ['to another scheme', 'file:///etc/passwd', 'url_invalid'],
  ['with credentials', 'https://user:pass@b.example/', 'url_invalid'],
  ['to a port of another protocol', 'https://b.example:25/', 'port_refused'],
] as const;

for (const [what, location, code] of REFUSED) {
  test(`a redirect ${what} is refused`, () => {
    expect(() => nextHop(hop('GET'), 302, location)).toThrow(expect.objectContaining({ code }));
  });
}
