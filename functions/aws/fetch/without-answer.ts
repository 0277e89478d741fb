import { FetchError, type FetchFailure } from './fetch-error.ts';

/** What codes of Node, OpenSSL and undici mean for a caller; what is not listed is `network`. */
const MEANINGS: readonly (readonly [RegExp, FetchFailure])[] = [
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, 'timeout'],
  [/^(ENOTFOUND|EAI_)/, 'dns'],
  [
    /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_)/,
    'tls',
  ],
];

/** Turns whatever ended a request without an answer into a typed error; a {@link FetchError} stays itself. */
export function withoutAnswer(error: unknown): FetchError {
  if (error instanceof FetchError) return error;
  const code = codeOf(error);
  const [, failure] = MEANINGS.find(([pattern]) => pattern.test(code)) ?? [undefined, 'network' as const];
  const said = error instanceof Error && error.message !== '' ? error.message : code;
  return new FetchError(failure, said || 'The connection failed', { cause: error });
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? codeOf(error.cause) : '';
}
