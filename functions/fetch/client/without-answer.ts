import { isIP } from 'node:net';
import { FetchError, type FetchFailure } from '../fetch-error.ts';

/** Failure for each error code of Node, OpenSSL and undici. A code that is not listed means `network`. */
const MEANINGS: readonly (readonly [RegExp, FetchFailure])[] = [
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, 'timeout'],
  [/^(ENOTFOUND|EAI_)/, 'dns'],
  [
    /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_)/,
    'tls',
  ],
];

/**
 * Messages for failed connections. The system's own messages quote the resolved address, and would show an inner network
 * to the caller.
 */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The server refused the connection',
  ECONNRESET: 'The connection broke',
  EPIPE: 'The connection broke',
  UND_ERR_SOCKET: 'The connection broke',
  EHOSTUNREACH: 'The server cannot be reached',
  ENETUNREACH: 'The server cannot be reached',
  ETIMEDOUT: 'The server did not accept the connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'The server did not accept the connection in time',
  ENOTFOUND: 'The name cannot be resolved',
  EPROTO: 'The TLS handshake failed',
  UND_ERR_HEADERS_OVERFLOW: 'The headers of the answer are too long',
};

/** Error codes of the system and of undici's sockets whose messages quote addresses. */
const QUOTES_ADDRESSES = /^(?:E[A-Z]+|UND_ERR_(?:SOCKET|CONNECT_TIMEOUT))$/;

/** Turns an error that ended a request without an answer into a typed error. Returns a {@link FetchError} unchanged. */
export function withoutAnswer(error: unknown): FetchError {
  if (error instanceof FetchError) return error;
  const code = codeOf(error);
  const [, failure] = MEANINGS.find(([pattern]) => pattern.test(code)) ?? [undefined, 'network' as const];
  return new FetchError(failure, wordsOf(error, code), { cause: error });
}

function wordsOf(error: unknown, code: string): string {
  const known = WORDS[code];
  if (known !== undefined) return known;
  if (QUOTES_ADDRESSES.test(code)) return `The connection failed (${code})`;
  const message = error instanceof Error && error.message !== '' ? error.message : code;
  return withoutAddresses(message) || 'The connection failed';
}

function withoutAddresses(text: string): string {
  return text.replace(/[0-9a-f:.]{2,}/gi, (found) => {
    const bare = found.replace(/[.:]+$/, '');
    return isIP(bare) || isIP(bare.replace(/:\d+$/, '')) ? 'an address' : found;
  });
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? codeOf(error.cause) : '';
}
