import ipaddr from 'ipaddr.js';

/** Groups of 16 bits that name an IPv6 network. Whoever has one address of a /64 usually has all of them. */
const NETWORK_GROUPS = 4;

/**
 * The network by which a client is counted: an IPv4 address itself, and the first 64 bits of an IPv6 address. An IPv4 address that
 * is written as IPv6 counts as IPv4.
 *
 * @param address what is missing or no address counts as one network
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const groups = parsed.parts.slice(0, NETWORK_GROUPS).map((group) => group.toString(16));
  return `${groups.join(':')}::/64`;
}
