/**
 * Headers that a caller may not set. Such a header belongs to the connection or the framing (RFC 9110, 7.6.1), would name
 * another host than the checked one, would ask for a compression that is not undone here, or would hide the sender of the
 * request.
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

/** Headers that a redirect may carry to another origin. None of them can hold a secret. */
const KEPT_ON_NEW_ORIGIN = new Set([
  'accept',
  'accept-language',
  'content-type',
  'idempotency-key',
  'user-agent',
]);

/** A token (RFC 9110, 5.6.2). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Visible ASCII and obs-text, with blanks between. CR, LF and NUL are excluded, so that no value can begin another header. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** The rules above as JSON Schema. The pattern of names ignores case. */
export const HEADER_VALUE = VALUE.source;
export const HEADER_NAME = {
  pattern: NAME.source,
  not: { pattern: `^(?:${[...REFUSED].map(inAnyCase).join('|')})$` },
};

function inAnyCase(name: string): string {
  return name.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

/** Checks one header. @returns the rule that the header breaks, or undefined when it may be sent */
export function headerFault(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'Not a header name';
  if (REFUSED.has(name.toLowerCase())) return `The header ${name.toLowerCase()} is set by the client itself`;
  if (!VALUE.test(value))
    return 'A header value is printable Latin-1 text in one line, without blanks at its ends';
  return undefined;
}

/** Returns the headers that may be sent to another origin after a redirect. Names are in lower case. */
export function headersForNewOrigin(headers: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...headers].filter(([name]) => KEPT_ON_NEW_ORIGIN.has(name)));
}
