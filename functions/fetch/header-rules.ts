/**
 * Headers that a caller may not set: they belong to the connection or the framing (RFC 9110, 7.6.1), would name
 * another host than the one that was checked, would ask for a compression that is not undone here, or would hide who sends
 * the request.
 */
const REFUSED = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
]);

/** What may be told to an origin that the caller did not name: nothing that could be a secret. */
const KEPT_ON_NEW_ORIGIN = new Set([
  'accept',
  'accept-language',
  'content-type',
  'idempotency-key',
  'user-agent',
]);

/** A token (RFC 9110, 5.6.2). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Visible ASCII, obs-text, blanks between: no CR, LF or NUL, so that no value can begin another header. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** The same as JSON Schema, whatever the case of a name. */
export const HEADER_VALUE = VALUE.source;
export const HEADER_NAME = {
  pattern: NAME.source,
  not: { pattern: `^(?:${[...REFUSED].map(inAnyCase).join('|')})$` },
};

function inAnyCase(name: string): string {
  return name.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

/** @returns the rule that this header breaks, or undefined when it may be sent */
export function headerFault(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'Not a header name';
  if (REFUSED.has(name.toLowerCase())) return `The header ${name.toLowerCase()} is set by the client itself`;
  if (!VALUE.test(value))
    return 'A header value is printable Latin-1 text in one line, without blanks at its ends';
  return undefined;
}

/** The headers that survive a redirect to another origin. Names are in lower case. */
export function headersForNewOrigin(headers: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...headers].filter(([name]) => KEPT_ON_NEW_ORIGIN.has(name)));
}
