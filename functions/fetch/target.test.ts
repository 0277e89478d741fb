import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressFault } from './address-rules.ts';
import { parseTarget } from './target.ts';

const REFUSED = [
  [
    'another scheme',
    'url_invalid',
    ['ftp://example.com', 'file:///etc/passwd', 'gopher://x', 'javascript:1', 'data:,x'],
  ],
  ['no host', 'url_invalid', ['http://', 'https:///', '/path', 'example.com', '']],
  [
    'credentials',
    'url_invalid',
    ['http://user@example.com', 'http://user:pass@example.com', 'http://:p@example.com'],
  ],
  [
    'control characters and blanks',
    'url_invalid',
    ['http://example.com/\r\nHost: x', ' http://example.com', 'http://exam\tple.com', 'http://a/\u0000'],
  ],
  [
    'a port of another protocol',
    'port_refused',
    ['http://example.com:25', 'https://example.com:6379/', 'http://example.com:022', 'http://example.com:0'],
  ],
] as const;

describe('a URL is refused', () => {
  for (const [what, code, urls] of REFUSED) {
    test(`with ${what}`, () => {
      for (const url of urls) expect(() => parseTarget(url), url).toThrow(expect.objectContaining({ code }));
    });
  }
});

test('other ports are open', () => {
  for (const port of [80, 443, 8000, 8080, 8443, 3000, 65535]) {
    expect(parseTarget(`http://example.com:${port}/`).hostname).toBe('example.com');
  }
});

const octet = fc.integer({ min: 0, max: 255 });
const SPELLINGS: readonly ((octets: number[]) => string)[] = [
  (octets) => octets.join('.'),
  (octets) => `${octets.join('.')}.`,
  (octets) => octets.map((part) => `0x${part.toString(16)}`).join('.'),
  (octets) => octets.map((part) => `0X${part.toString(16).padStart(6, '0')}`).join('.'),
  (octets) => octets.map((part) => `0${part.toString(8)}`).join('.'),
  (octets) => `${octets.reduce((sum, part) => sum * 256 + part, 0)}`,
  (octets) => `0x${octets.reduce((sum, part) => sum * 256 + part, 0).toString(16)}`,
  ([a = 0, b = 0, c = 0, d = 0]) => `${a}.${b}.${c * 256 + d}`,
  ([a = 0, b = 0, c = 0, d = 0]) => `${a}.${(b * 256 + c) * 256 + d}`,
  (octets) => octets.join('。'),
  (octets) =>
    [...octets.join('.')]
      .map((sign) => (sign === '.' ? '．' : String.fromCodePoint(0xff10 + Number(sign))))
      .join(''),
  (octets) => [...octets.join('.')].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join(''),
];

test('every spelling of an IPv4 address is read as that address', () => {
  fc.assert(
    fc.property(fc.tuple(octet, octet, octet, octet), fc.constantFrom(...SPELLINGS), (octets, spell) => {
      const host = parseTarget(`http://${spell(octets)}/`).hostname;
      expect(host).toBe(octets.join('.'));
    }),
  );
});

test('spellings of loopback and metadata end as addresses that are refused', () => {
  const urls = [
    'http://0x7f.1/',
    'http://2130706433/',
    'http://127.1/',
    'http://①②⑦.⓪.⓪.①/',
    'http://0/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://0251.0376.0251.0376/',
    'http://[fd00:ec2::254]/',
  ];
  for (const url of urls) {
    const host = parseTarget(url).hostname.replace(/^\[|\]$/g, '');
    expect([host, isIP(host) !== 0, addressFault(host, 'refused')]).toEqual([host, true, expect.any(String)]);
  }
});
