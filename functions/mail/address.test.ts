import { describe, expect, test } from 'vitest';
import { addressFault, asciiAddress, comparedAddress, domainOf, MAX_ADDRESS_BYTES } from './address.ts';

const label = 'a'.repeat(63);

describe('an address', () => {
  test.each([
    'ada@example.com',
    "o'brien+tag=1@mail.example.co.uk",
    '!#$%&*+-/=?^_`{|}~@example.com',
    'first.last@example.com',
    `${'a'.repeat(64)}@example.com`,
    'ada@bücher.example',
    'ada@例え.テスト',
    'ada@EXAMPLE.com',
    'ada@xn--bcher-kva.example',
    `ada@${label}.${label}.${label}.example`,
  ])('%s is accepted', (address) => {
    expect(addressFault(address)).toBeUndefined();
  });

  test.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'ada@127.0.0.1',
    'ada@[127.0.0.1]',
    'ada@1.2',
    '.ada@example.com',
    'ada.@example.com',
    'a..b@example.com',
    'a b@example.com',
    '"a b"@example.com',
    'ada@exa mple.com',
    'ada@example..com',
    'ada@-example.com',
    'ada@example.com.',
    'ada@exa%6dple.com',
    'ada@example.com/x',
    'ada@example.com:25',
    'ada@a@example.com',
    'Ada <ada@example.com>',
    'ada@example.com, bob@example.com',
    'ada@example.com\r\nBcc: eve@example.com',
    'ada\n@example.com',
    'ada@example.com\0',
    'ada@exam\u2028ple.com',
    // SES delivers to no such address.
    'adä@example.com',
    '用户@example.com',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a'.repeat(64)}.example`,
  ])('%j is refused', (address) => {
    expect(addressFault(address)).toMatch(/^Must /);
  });

  test('has at most 254 bytes, with its domain in ASCII', () => {
    const domain = (bytes: number) => `${`${label}.`.repeat(3)}${'b'.repeat(bytes - 3 * 64)}`;
    const longest = MAX_ADDRESS_BYTES - 'ada@'.length;
    expect(addressFault(`ada@${domain(longest)}`)).toBeUndefined();
    expect(addressFault(`ada@${domain(longest + 1)}`)).toMatch(/254 bytes/);
    // 96 characters, but 290 bytes in ASCII.
    const foreign = Array.from({ length: 14 }, (_, at) => String.fromCodePoint(0x4e00 + at * 997)).join('');
    expect(addressFault(`ada@${`${foreign}.`.repeat(6)}de`)).toMatch(/254 bytes/);
  });
});

test('a domain is written in ASCII and lower case, the part before the @ as it was given', () => {
  expect(asciiAddress('Ada@BÜCHER.example')).toBe('Ada@xn--bcher-kva.example');
  expect(domainOf('Ada@Bücher.Example')).toBe('xn--bcher-kva.example');
});

test('addresses that reach the same mailbox are equal when they are compared', () => {
  expect(comparedAddress('Ada@BÜCHER.example')).toBe(comparedAddress('ada@xn--bcher-kva.EXAMPLE'));
});
