import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressFault } from './address-rules.ts';

const REFUSED = [
  ['the unspecified address', ['0.0.0.0', '0.255.255.255', '::']],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1']],
  ['private networks', ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1']],
  ['carrier-grade NAT', ['100.64.0.1', '100.100.100.200', '100.127.255.255']],
  [
    'cloud metadata',
    ['169.254.169.254', '169.254.170.2', '168.63.129.16', 'fd00:ec2::254', 'fe80::a9fe:a9fe'],
  ],
  ['protocol assignments', ['192.0.0.1', '192.0.0.192', '2001:1::1', '2001:2::1', '2001:20::1']],
  ['documentation', ['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1']],
  ['benchmarking', ['198.18.0.1', '198.19.255.255']],
  [
    'AS112, AMT and the 6to4 relay',
    ['192.31.196.1', '192.52.193.1', '192.175.48.1', '192.88.99.1', '2620:4f:8000::1'],
  ],
  ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1']],
  ['reserved and broadcast', ['240.0.0.1', '255.255.255.255']],
  ['IPv4-mapped', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1']],
  ['IPv4-compatible', ['::127.0.0.1', '::8.8.8.8']],
  ['6to4', ['2002:7f00:1::', '2002:a9fe:a9fe::1']],
  ['NAT64', ['64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b:1::1']],
  ['Teredo', ['2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2']],
  ['ISATAP', ['2a00:1450::5efe:a00:1', '2a00:1450::200:5efe:10.0.0.1']],
  ['local IPv6', ['fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1']],
  ['IPv6 that is not global unicast', ['100::1', '4000::1', '5f00::1', 'e000::1']],
  [
    'what is no address',
    ['', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '1.2.3.4.5', '1.2.3.4/8', '[::1]'],
  ],
] as const;

describe('an address is refused', () => {
  for (const [what, addresses] of REFUSED) {
    test(`as ${what}`, () => {
      for (const address of addresses)
        expect([address, addressFault(address, 'refused')]).not.toContain(undefined);
    });
  }
});

test('public addresses pass', () => {
  const addresses = [
    '8.8.8.8',
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450:4001::200e',
  ];
  for (const address of addresses)
    expect([address, addressFault(address, 'refused')]).toEqual([address, undefined]);
});

test('with loopback allowed, only loopback passes in addition', () => {
  for (const address of ['127.0.0.1', '127.8.9.10', '::1'])
    expect(addressFault(address, 'allowed')).toBeUndefined();
  for (const address of REFUSED.flatMap(([what, addresses]) => (what === 'loopback' ? [] : addresses))) {
    expect([address, addressFault(address, 'allowed')]).not.toContain(undefined);
  }
});

/** Ranges in which every address must be refused, as in the registry: the first octets, and the number of bits that count. */
const PRIVATE_V4: readonly [number, number][] = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xe0000000, 3],
];

const privateV4 = fc
  .tuple(fc.constantFrom(...PRIVATE_V4), fc.integer({ min: 0, max: 0xffffffff }))
  .map(([[base, bits], any]) => (base + (any % 2 ** (32 - bits))) >>> 0);

const dotted = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
const hex = (address: number) => `${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;

test('every private IPv4 address is refused, and so is every IPv6 address that embeds it', () => {
  fc.assert(
    fc.property(privateV4, (address) => {
      const spellings = [
        dotted(address),
        `::ffff:${dotted(address)}`,
        `::FFFF:${hex(address)}`,
        `0:0:0:0:0:ffff:${hex(address)}`,
        `::ffff:0:${hex(address)}`,
        `::${hex(address)}`,
        `64:ff9b::${hex(address)}`,
        `64:ff9b:1::${hex(address)}`,
        `2002:${hex(address)}::1`,
        `2a00:1450::5efe:${hex(address)}`,
      ];
      for (const spelling of spellings)
        expect([spelling, addressFault(spelling, 'refused')]).not.toContain(undefined);
    }),
  );
});

test('every IPv6 address outside 2000::/3 is refused', () => {
  const outside = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
    .filter(([first = 0]) => first >> 13 !== 1)
    .map((groups) => groups.map((group) => group.toString(16)).join(':'));
  fc.assert(
    fc.property(outside, (address) => {
      expect(addressFault(address, 'refused')).toBeDefined();
    }),
  );
});
