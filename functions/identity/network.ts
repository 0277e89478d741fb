import ipaddr from 'ipaddr.js';

/**
 * Number of 16-bit groups that identify an IPv6 network. A client with one address of a /64 usually has all addresses of
 * it.
 */
const NETWORK_GROUPS = 4;

/**
 * Returns the network by which a client is counted: an IPv4 address itself, or the first 64 bits of an IPv6 address. An
 * IPv4 address in IPv6 notation counts as IPv4.
 *
 * @param address all missing and malformed addresses count as one network
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const groups = parsed.parts.slice(0, NETWORK_GROUPS).map((group) => group.toString(16));
  return `${groups.join(':')}::/64`;
}
