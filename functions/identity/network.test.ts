import { expect, test } from 'vitest';
import { networkOf } from './network.ts';

test('every IPv4 address counts for itself, however it is written', () => {
  expect(networkOf('203.0.113.7')).toBe('203.0.113.7');
  expect(networkOf('::ffff:203.0.113.7')).toBe('203.0.113.7');
  expect(networkOf('203.0.113.8')).not.toBe(networkOf('203.0.113.7'));
});

test('the addresses of an IPv6 network of 64 bits count together, and no others', () => {
  expect(networkOf('2001:db8:1:2::1')).toBe('2001:db8:1:2::/64');
  expect(networkOf('2001:0DB8:1:2:ffff:ffff:ffff:ffff')).toBe('2001:db8:1:2::/64');
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'));
});

test('invalid addresses count as one network', () => {
  for (const none of [undefined, '', '-', 'localhost', '203.0.113.7, 10.0.0.1']) {
    expect(networkOf(none)).toBe('unknown');
  }
});
