import { FetchError } from './fetch-error.ts';

/**
 * Ports of other protocols (SMTP, IRC, Redis …), where the text of a request could be read as a command. Contains the
 * WHATWG list of bad ports, and ports of databases. All other ports are allowed, because the address check is the
 * protection.
 *
 * @see https://fetch.spec.whatwg.org/#port-blocking
 */
const REFUSED_PORTS = new Set(
  [
    [0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95],
    [101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179],
    [389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601],
    [636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000],
    [6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
    [445, 1433, 1521, 3306, 3389, 5432, 6379, 11211, 27017],
  ].flat(),
);

const CONTROL_OR_BLANK = /[\p{Cc}\s]/u;

/**
 * Parses the URL of a request. The URL parser turns every spelling of an IPv4 address (`0x7f.1`, `2130706433`,
 * `①②⑦.0.0.1`) into dotted decimals. Checks therefore read the parsed URL, never the text.
 *
 * @throws FetchError `url_invalid` or `port_refused`
 */
export function parseTarget(text: string): URL {
  // The parser drops line breaks and tabs. A log would then show another address than the requested one, so such URLs are
  // refused.
  const url = CONTROL_OR_BLANK.test(text) ? null : URL.parse(text);
  if (url === null) throw new FetchError('url_invalid', 'Not an absolute URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new FetchError('url_invalid', 'Only http and https URLs are allowed');
  }
  if (url.username !== '' || url.password !== '') {
    throw new FetchError('url_invalid', 'No credentials in a URL: send a header instead');
  }
  if (url.port !== '' && REFUSED_PORTS.has(Number(url.port))) {
    throw new FetchError('port_refused', `Port ${url.port} belongs to another protocol`);
  }
  return url;
}
