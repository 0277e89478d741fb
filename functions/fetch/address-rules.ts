import ipaddr from 'ipaddr.js';

/** Decides if requests to this machine itself are allowed. Loopback is allowed only in development and tests. */
export type LoopbackRule = 'allowed' | 'refused';

/**
 * Ranges that are not public, although a library may take them for public: the IANA special-purpose registries, and
 * addresses that embed an IPv4 address, to which a gateway on the way would deliver.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0/8'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  'carrier-grade NAT': ['100.64.0.0/10'],
  loopback: ['127.0.0.0/8', '::1/128'],
  'link-local, with cloud metadata': ['169.254.0.0/16', 'fe80::/10'],
  'IETF protocol assignments': ['192.0.0.0/24', '2001::/23'],
  documentation: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  'AS112 and AMT': ['192.31.196.0/24', '192.52.193.0/24', '192.175.48.0/24', '2620:4f:8000::/48'],
  '6to4 relay': ['192.88.99.0/24'],
  '6to4, embeds an IPv4 address': ['2002::/16'],
  benchmarking: ['198.18.0.0/15'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  reserved: ['240.0.0.0/4'],
  'a cloud provider’s own': ['168.63.129.16/32'],
  'unspecified or IPv4-compatible': ['::/96'],
  'IPv4-mapped or -translated': ['::ffff:0:0/96', '::ffff:0:0:0/96'],
  'NAT64, embeds an IPv4 address': ['64:ff9b::/96', '64:ff9b:1::/48'],
  'discard-only': ['100::/64', '100:0:0:1::/64'],
  'segment routing': ['5f00::/16'],
  'unique local, with fd00:ec2::254': ['fc00::/7'],
  'site-local': ['fec0::/10'],
};

/** The part of IPv6 that is assigned to the public internet. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

const LOOPBACK = REFUSED.loopback?.map((range) => ipaddr.parseCIDR(range)) ?? [];
const RANGES = Object.entries(REFUSED).flatMap(([name, ranges]) =>
  ranges.map((range) => ({ name, range: ipaddr.parseCIDR(range) })),
);

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Checks that a connection to an address is allowed.
 *
 * @param address as a resolver or a socket writes it; any other text is refused
 * @returns the reason for refusing the address, or undefined when it is public (or is loopback, and loopback is allowed)
 */
export function addressFault(address: string, loopback: LoopbackRule): string | undefined {
  if (
    !ipaddr.isValid(address) ||
    (ipaddr.IPv4.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address))
  ) {
    return 'not an address';
  }
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv6 && parsed.zoneId) return 'has a zone';
  if (loopback === 'allowed' && LOOPBACK.some((range) => within(parsed, range))) return undefined;
  const special = RANGES.find(({ range }) => within(parsed, range));
  if (special !== undefined) return special.name;
  if (parsed instanceof ipaddr.IPv6) {
    if (!parsed.match(GLOBAL_UNICAST)) return 'not global unicast';
    if (embedsIsatap(parsed)) return 'ISATAP, embeds an IPv4 address';
  }
  // Also asks the library's own list, in case the library learns of a range before this file does.
  return parsed.range() === 'unicast' ? undefined : parsed.range();
}

function within(address: Address, [base, bits]: [Address, number]): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}

/** Returns true for the interface identifier ::[02]00:5efe:a.b.c.d (RFC 5214), under any prefix. */
function embedsIsatap(address: ipaddr.IPv6): boolean {
  return ((address.parts[4] ?? 0) & 0xfdff) === 0 && address.parts[5] === 0x5efe;
}
